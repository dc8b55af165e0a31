"""The momentum update of the paper, section 5, in one pass (NumPy twin of sgd.cu).

v <- momentum*v - weight_decay*lr*w - lr*grad
w <- w + v
"""

import numpy as np

from tinynet.devices import threads

BLOCK = 64 * 1024  # elements: weight, velocity, gradient and one product stay in a core's cache


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

    threads.for_each_slice(size, BLOCK, one_block)
