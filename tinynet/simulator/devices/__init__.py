"""Devices on a CPU: arrays, memory, streams and events under CuPy's names."""
