// The convolution of one image, with bias and ReLU, in four rungs.
//
//     y[filter, ohi, owi] = max(0, bias[filter] + sum over ci, khi, kwi of
//                                  weight[filter, ci, khi, kwi] * x[ci, ohi + khi, owi + kwi])
//
//   y (out)  (filters, oh, ow)
//   x        (c, h, w)
//   weight   (filters, c, kh, kw)
//   bias     (filters,)
//   col      (c*kh*kw, oh*ow)      filters, c*kh*kw and oh*ow are multiples of 32
//
// Seen as a matrix product it is weight (filters, c*kh*kw) times col, whose columns are the windows
// of x. Strides, borders and ragged sizes are in the engine's conv.cu.

// conv_direct
// One thread computes one element of y, as the formula says. Its neighbours in a row of y read
// neighbours in x, but all filters read all of x again. A second kernel adds the bias and clips.
// Launch: block (32, 8), grid (oh * ow / 32, filters / 8), both kernels.
extern "C" __global__ void conv_direct(float* y, const float* x, const float* weight, int c, int h,
                                       int w, int kh, int kw, int oh, int ow) {
    const int place = blockIdx.x * blockDim.x + threadIdx.x;  // ohi * ow + owi
    const int filter = blockIdx.y * blockDim.y + threadIdx.y;
    float sum = 0;
    for (int ci = 0; ci < c; ++ci) {
        for (int khi = 0; khi < kh; ++khi) {
            for (int kwi = 0; kwi < kw; ++kwi) {
                sum += weight[((filter * c + ci) * kh + khi) * kw + kwi] *
                       x[(ci * h + place / ow + khi) * w + place % ow + kwi];
            }
        }
    }
    y[filter * oh * ow + place] = sum;
}

extern "C" __global__ void conv_bias_relu(float* y, const float* bias, int oh, int ow) {
    const int place = blockIdx.x * blockDim.x + threadIdx.x;
    const int filter = blockIdx.y * blockDim.y + threadIdx.y;
    float* at = &y[filter * oh * ow + place];
    *at = fmaxf(*at + bias[filter], 0.0f);
}

// conv_im2col
// The windows are written into the columns of a matrix, and the sums become a matrix product by way
// of tiles in shared memory. A number of col serves 32 filters. The price is col itself: kh * kw
// times as large as x, written once and read for every 32 filters. Bias and ReLU follow as before.
// Launch: block (32, 8), grid (oh * ow / 32, c * kh * kw / 8); then block (32, 32), grid
// (oh * ow / 32, filters / 32).
#define SIDE 32
__device__ int source(int row, int place, int h, int w, int kh, int kw, int ow) {
    const int ci = row / (kh * kw), khi = row / kw % kh, kwi = row % kw;
    return (ci * h + place / ow + khi) * w + place % ow + kwi;  // of col[row, place] in x
}

extern "C" __global__ void conv_im2col(float* col, const float* x, int h, int w, int kh, int kw,
                                       int oh, int ow) {
    const int place = blockIdx.x * blockDim.x + threadIdx.x;
    const int row = blockIdx.y * blockDim.y + threadIdx.y;
    col[row * oh * ow + place] = x[source(row, place, h, w, kh, kw, ow)];
}

extern "C" __global__ void conv_product(float* y, const float* weight, const float* col, int c,
                                        int kh, int kw, int oh, int ow) {
    __shared__ float weight_tile[SIDE][SIDE], col_tile[SIDE][SIDE];
    const int filter = blockIdx.y * SIDE + threadIdx.y, place = blockIdx.x * SIDE + threadIdx.x;
    const int rows = c * kh * kw;
    float sum = 0;
    for (int step = 0; step < rows; step += SIDE) {
        weight_tile[threadIdx.y][threadIdx.x] = weight[filter * rows + step + threadIdx.x];
        col_tile[threadIdx.y][threadIdx.x] = col[(step + threadIdx.y) * oh * ow + place];
        __syncthreads();
        for (int i = 0; i < SIDE; ++i) {
            sum += weight_tile[threadIdx.y][i] * col_tile[i][threadIdx.x];
        }
        __syncthreads();
    }
    y[filter * oh * ow + place] = sum;
}

// conv_implicit
// The same product, but col is never written: a thread that needs an element of it for the tile
// computes where it stands in x, and reads it there. Launch: block (32, 32), grid
// (oh * ow / 32, filters / 32); bias and ReLU as before.
__device__ float implicit_sum(const float* x, const float* weight, int filter, int place, int c,
                              int h, int w, int kh, int kw, int ow) {
    __shared__ float weight_tile[SIDE][SIDE], col_tile[SIDE][SIDE];
    const int rows = c * kh * kw;
    float sum = 0;
    for (int step = 0; step < rows; step += SIDE) {
        weight_tile[threadIdx.y][threadIdx.x] = weight[filter * rows + step + threadIdx.x];
        col_tile[threadIdx.y][threadIdx.x] = x[source(step + threadIdx.y, place, h, w, kh, kw, ow)];
        __syncthreads();
        for (int i = 0; i < SIDE; ++i) {
            sum += weight_tile[threadIdx.y][i] * col_tile[i][threadIdx.x];
        }
        __syncthreads();
    }
    return sum;
}

extern "C" __global__ void conv_implicit(float* y, const float* x, const float* weight, int c,
                                         int h, int w, int kh, int kw, int oh, int ow) {
    const int filter = blockIdx.y * SIDE + threadIdx.y, place = blockIdx.x * SIDE + threadIdx.x;
    y[filter * oh * ow + place] = implicit_sum(x, weight, filter, place, c, h, w, kh, kw, ow);
}

// conv_fused
// Bias and ReLU are applied to the sum while it is still in a register. y is written once, and not
// read and written again. Launch: block (32, 32), grid (oh * ow / 32, filters / 32).
extern "C" __global__ void conv_fused(float* y, const float* x, const float* weight,
                                      const float* bias, int c, int h, int w, int kh, int kw,
                                      int oh, int ow) {
    const int filter = blockIdx.y * SIDE + threadIdx.y, place = blockIdx.x * SIDE + threadIdx.x;
    const float sum = implicit_sum(x, weight, filter, place, c, h, w, kh, kw, ow);
    y[filter * oh * ow + place] = fmaxf(sum + bias[filter], 0.0f);
}
