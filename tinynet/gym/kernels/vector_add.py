"""The sum of two vectors (NumPy twin of vector_add.cu): y = a + b."""

import numpy as np


def vector_add(y, a, b, size):
    """y = a + b, all (size,)."""
    np.add(a, b, out=y)
