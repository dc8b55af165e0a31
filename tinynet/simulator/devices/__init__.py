"""Devices on a CPU: arrays, memory, streams and events under CuPy's names.

The files, in the order to read them:

    arena.py      memory cut as CuPy cuts it
    memory.py     bytes of the host, counted and limited for each device
    streams.py    what is issued now runs later: queues and events
    pointer.py    addresses, and copies between them
    undone.py     what stands for an array in a dry run
    indices.py    arrays of indices, which wrap in silence
    arrays.py     NumPy's arithmetic with CuPy's manners
    creation.py   arrays made, and brought back
    cublas.py     matrix products
    runtime.py    how many devices there are, and which can read which
    cuda.py       all of it under the names of `cupy.cuda`
"""
