// Stochastic gradient descent with momentum and weight decay (AlexNet, sec. 5):
//
//     v <- momentum * v - weight_decay * lr * w - lr * grad
//     w <- w + v
//
// The learning rate is inside v: after lr has dropped, the old, faster velocity lives on for about
// ten steps. (PyTorch multiplies the velocity by lr at the end: the same at constant lr.)
//
// One pass: weight, velocity and gradient are read once, two of them written once. As separate
// array operations the same rule would take five passes, and memory traffic is all its cost.
//
// What holds for every kernel, such as REAL and the loop over the grid, is in README.md.

// sgd_update
//   weight (in, out)    (size,), flat, whatever its shape
//   velocity (in, out)  (size,)
//   grad                (size,)
// One thread updates one weight.
extern "C" __global__ void sgd_update_kernel(REAL* weight, REAL* velocity, const REAL* grad,
                                             int size, REAL lr, REAL momentum,
                                             REAL weight_decay) {
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < size; index += gridDim.x * blockDim.x) {
        const REAL v = momentum * velocity[index] - weight_decay * lr * weight[index] -
                       lr * grad[index];
        velocity[index] = v;
        weight[index] += v;
    }
}
