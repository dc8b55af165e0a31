"""The transpose of a matrix (NumPy twin of transpose.cu): y[column, row] = x[row, column]."""

import numpy as np


def transpose(y, x, h, w):
    """y (w, h) = x (h, w), turned."""
    np.copyto(y, x.T)
