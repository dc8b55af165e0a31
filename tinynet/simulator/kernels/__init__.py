"""Kernels on a CPU: their text made into C++, compiled, launched, watched and profiled.

The files, in the order to read them:

    source.py      the kernels in a .cu text, and their parameters
    cache.py       what was compiled, kept for the next process
    compiler.py    the machine's C++ compiler
    library.py     what it made: entries, shared variables, lines
    guards.py      copies of arrays with nothing around them, so that a wrong address shows
    arguments.py   each argument of exactly the declared type
    findings.py    what was found wrong, in words
    profiling.py   what each line asks of the memory
    launching.py   one launch, watched if the mode says so
    module.py      RawModule, which is CuPy's way to run a kernel

In cpp/ is what a kernel's text is compiled with. cuda.h is the language: __global__, threadIdx,
__syncthreads and the rest of what kernels say. entry.h is how Python finds a kernel; fiber.h makes
threads that take turns, and scheduler.cpp gives the turns; crash.cpp outlives a kernel that crashes
or never ends. In check mode and in profile mode watch.cpp sees every access to memory, and
check.cpp or profile.cpp judges it; findings.cpp keeps what is found. runtime.h is what they all
share.
"""
