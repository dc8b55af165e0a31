"""Every differentiable operation: `forward`, and `backward` right under it, on plain arrays.

function.py says what an operation is. tinynet/functional.py and tinynet/tensor.py take each from
its own file.
"""
