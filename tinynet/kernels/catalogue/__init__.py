"""The catalogue of the kernels: what `python -m tinynet.kernels` shows of them.

    headers.py       what the comments of a .cu file say: formula, shapes
    examples.py      arguments for every kernel; its bytes and FLOPs in AlexNet
    resources.py     registers and shared memory, from a CUDA compiler
    occupancy.py     how many warps a multiprocessor has room for
    orders.py        in which threads and blocks are run
    trials.py        runs in the simulator: check against the twin, profile
    ahead.py         compiling on all cores, ahead of what is shown
    listing.py       the list of all kernels
    reading.py       one kernel: its definition, its text, its NumPy twin
    reports.py       what check and profile say, in full
    page/            a warp stepped through a kernel, in a browser
    running/         any kernel of a .cu file, launched by CUDA's own line
    ladder/          a product, a convolution and others, in several versions each, counted
    command.py       what is typed of the kernels that are there

Nothing here is imported by `import tinynet`.
"""
