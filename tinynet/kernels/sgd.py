"""The momentum update of the paper, section 5, in one pass (NumPy twin of sgd.cu).

v <- momentum*v - weight_decay*lr*w - lr*grad
w <- w + v
"""

import numpy as np

from tinynet import threads

BLOCK = 64 * 1024  # elements: weight, velocity, gradient and one product stay in cache


def sgd_update(weight, velocity, grad, size, lr, momentum, weight_decay):
    """Update weight and velocity in place, block by block, so that memory is read only once."""
    weight, velocity, grad = weight.reshape(-1), velocity.reshape(-1), grad.reshape(-1)
    real = weight.dtype.type
    momentum, decay, lr = real(momentum), real(weight_decay * lr), real(lr)

    def one_block(i):
        block = slice(i * BLOCK, min(size, (i + 1) * BLOCK))
        w, v = weight[block], velocity[block]
        product = threads.scratch("product", w.shape, w.dtype)
        v *= momentum
        v -= np.multiply(w, decay, out=product)
        v -= np.multiply(grad[block], lr, out=product)
        w += v

    threads.for_each(-(-size // BLOCK), one_block)
