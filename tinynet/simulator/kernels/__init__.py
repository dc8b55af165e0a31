"""Kernels on a CPU: their text made into C++, compiled, launched, watched and profiled.

The files, in the order to read them:

    positions.py   lines of a .cu text
    tokens.py      its words and brackets
    declarations.py   what it declares, from where to where
    variables.py   those in the memory of a GPU or of a block
    structures.py  those of its structures that a kernel takes, and their fields
    source.py      the kernels in a .cu text, and their parameters
    cache.py       what was compiled, kept for the next process
    compiler.py    the machine's C++ compiler
    device_part.py   of a whole program, what its kernels need
    flops.py       floating-point operations, read in the compiled code
    lines.py       the line of the text that an instruction belongs to
    runtime.py     what Python and the runtime hand each other
    library.py     what it made: entries, shared variables, counts
    c_types.py     C's types and NumPy's
    guards.py      copies of arrays with nothing around them, so that a wrong address shows
    arguments.py   each argument of exactly the declared type
    sentences.py   what can be said of a kernel that went wrong
    findings.py    what was found wrong, in words
    profiling.py   what each line asks of the memory
    recording.py   what the warps of a launch did, line by line
    launching.py   one launch, watched if the mode says so
    module.py      RawModule, which is CuPy's way to run a kernel

In cpp/ is what a kernel's text is compiled with. cuda.h is the language: __global__, threadIdx,
__syncthreads; what a warp does together is in warp.h, and vectors.h, atomics.h, arithmetic.h,
cuda_fp16.h, cuda_pipeline.h, cooperative_groups.h and math_constants.h are as they are called;
dual.h has numbers that carry their slope.

entry.h is how Python finds a kernel; fiber.h makes threads that take turns, and scheduler.cpp gives
the turns; crash.cpp outlives a kernel that crashes or never ends; lockstep.cpp keeps
those in step that say volatile. In check
mode and in profile mode watch.cpp sees every access to memory. In check mode check.cpp judges it,
and findings.cpp keeps what is found. In profile mode trace.cpp puts the lanes of a warp side by
side (reconverge.h says which go first), steps.cpp tells the lines that they run, which text.cpp
knows, profile.cpp counts, and record.cpp keeps; trace.h is what they share, and runtime.h what all
do.
"""
