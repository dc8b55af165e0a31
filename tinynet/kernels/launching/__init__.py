"""What stands between `launch` and a kernel: what is let through, in which grid, compiled when."""
