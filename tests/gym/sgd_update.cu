// A right solution of the exercise sgd_update. The tests make wrong ones of it.

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
