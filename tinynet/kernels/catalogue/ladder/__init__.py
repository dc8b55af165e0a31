"""The ladder: four computations, each written several times, and counted.

    rungs.py       which kernels, on what, and which count each of them claims to lower
    counting.py    each run in the simulator, compared with NumPy, and counted
    writing.py     docs/ladder.md, made of the kernels' own headers and these counts
    __main__.py    `python -m tinynet.kernels.catalogue.ladder docs/ladder.md`

The kernels are product.cu, transpose.cu, reduction.cu and conv.cu. The engine does not use them:
they take only sizes that suit them, so that each shows one idea. What it could take of them is
judged in benchmarks/NOTES.md; benchmarks/gpu_report.py times them.
"""
