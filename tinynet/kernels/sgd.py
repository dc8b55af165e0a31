"""The momentum update of the paper, section 5, in one pass (NumPy twin of sgd.cu).

v <- momentum*v - weight_decay*lr*w - lr*grad
w <- w + v
"""

import numpy as np

from tinynet.devices import threads


def sgd_update(weight, velocity, grad, size, lr, momentum, weight_decay):
    """Update weight and velocity in place, block by block, so that memory is read only once."""
    weight, velocity, grad = weight.reshape(-1), velocity.reshape(-1), grad.reshape(-1)

    def one_block(block):
        w, v = weight[block], velocity[block]
        product = threads.scratch("sgd product", w.shape, w.dtype)
        v *= momentum
        v -= np.multiply(w, weight_decay * lr, out=product)
        v -= np.multiply(grad[block], lr, out=product)
        w += v

    threads.for_each_chunk(size, 2 * weight.itemsize, one_block)  # v, product: they are read again
