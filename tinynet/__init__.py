"""tinynet: a deep learning engine to read, on NumPy and hand-written CUDA kernels."""
