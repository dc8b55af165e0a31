"""A program: the classes in the meta.mat on its standard input, as JSON on its standard output.

SciPy reads MATLAB's files, and of a damaged one it may read beyond its memory, which ends the
process, or ask for all there is. So it gets a process of its own, and not too much memory.
"""

import io
import json
import resource
import sys

MEMORY = 2**32  # bytes of addresses; SciPy's libraries alone take several hundred million
NO_SCIPY = 3  # the exit status that says so


def main() -> int:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or hard > MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))
    try:
        import numpy as np
        from scipy.io import loadmat
    except ImportError:
        return NO_SCIPY
    try:
        file = io.BytesIO(sys.stdin.buffer.read())
        synsets = np.atleast_1d(loadmat(file, squeeze_me=True)["synsets"])
        rows = [
            (int(synset["ILSVRC2012_ID"]), str(synset["WNID"]), str(synset["words"]))
            for synset in synsets
            if synset["num_children"] == 0
        ]
    except Exception as error:  # a damaged file can raise anything at all inside a reader
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    json.dump(rows, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
