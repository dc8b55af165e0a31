"""The gym: kernels to write, and a judge that says why one is wrong.

The files, in the order to read them:

    kernels/        what is to be written: tinynet's own kernels, and three more
    exercise.py     what an exercise is
    exercises/      one file each
    causes.py       from what came and what was wanted to what was probably done
    trial.py        a solution compiled, watched, compared, and its costs counted
    judge.py        the same in a process of its own, which the solution cannot harm
    training.py     a solution in the place of tinynet's kernel, in a network that learns
    __main__.py     `python -m tinynet.gym`
"""
