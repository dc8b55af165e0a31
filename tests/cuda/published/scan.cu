// Prefix sums of one section: Kogge-Stone, then up and down a tree with padded banks, then a warp's.
#include <stdio.h>

#define SECTION 64
#define LOG_BANKS 5
#ifdef ZERO_BANK_CONFLICTS
#define PADDED(n) ((n) + ((n) >> LOG_BANKS) + ((n) >> (2 * LOG_BANKS)))
#else
#define PADDED(n) ((n) + ((n) >> LOG_BANKS))
#endif

__global__ void kogge_stone(float *X, float *Y, unsigned int N){
    __shared__ float XY[SECTION];
    unsigned int i = blockIdx.x*blockDim.x + threadIdx.x;
    XY[threadIdx.x] = i < N ? X[i] : 0.0f;
    for(unsigned int stride = 1; stride < blockDim.x; stride *= 2) {
        __syncthreads();
        float temp;
        if(threadIdx.x >= stride)
            temp = XY[threadIdx.x] + XY[threadIdx.x-stride];
        __syncthreads();
        if(threadIdx.x >= stride)
            XY[threadIdx.x] = temp;
    }
    if(i < N) Y[i] = XY[threadIdx.x];
}

__global__ void blelloch(float *out, float *in, int n)
{
    extern __shared__ float temp[];  // allocated on invocation
    int thid = threadIdx.x;
    temp[PADDED(2*thid)] = in[2*thid];
    temp[PADDED(2*thid+1)] = in[2*thid+1];
    int offset = 1;
    for (int d = n>>1; d > 0; d >>= 1)  // sums, up the tree
    {
        __syncthreads();
        if (thid < d)
            temp[PADDED(offset*(2*thid+2)-1)] += temp[PADDED(offset*(2*thid+1)-1)];
        offset *= 2;
    }
    if (thid == 0) temp[PADDED(n-1)] = 0;
    for (int d = 1; d < n; d *= 2)      // and down again
    {
        offset >>= 1;
        __syncthreads();
        if (thid < d)
        {
            int ai = PADDED(offset*(2*thid+1)-1), bi = PADDED(offset*(2*thid+2)-1);
            float t = temp[ai];
            temp[ai] = temp[bi];
            temp[bi] += t;
        }
    }
    __syncthreads();
    out[2*thid] = temp[PADDED(2*thid)];
    out[2*thid+1] = temp[PADDED(2*thid+1)];
}

__global__ void warp_scan(int *data, int width = 32)
{
    int lane = threadIdx.x & 31, value = data[threadIdx.x];
    #pragma unroll
    for (int i = 1; i <= width; i *= 2) {
        unsigned int mask = 0xffffffff;
        int n = __shfl_up_sync(mask, value, i, width);
        if (lane >= i) value += n;
    }
    data[threadIdx.x] = value;
}

int main()
{
    float *x;
    cudaMallocManaged(&x, SECTION*sizeof(float));
    kogge_stone<<<1, SECTION>>>(x, x, SECTION);
    cudaDeviceSynchronize();
    printf("%f\n", x[SECTION - 1]);
}
