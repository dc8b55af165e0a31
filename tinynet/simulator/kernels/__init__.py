"""Kernels on a CPU: their text made into C++, compiled, launched, watched and profiled."""
