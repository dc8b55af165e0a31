#include "../common/book.h"
#include "../common/cpu_bitmap.h"

#define imin(a,b) (a<b?a:b)
#define DIM 32

const int N = 2 * 1024 + 5;
const int threadsPerBlock = 64;
const int blocksPerGrid = imin( 32, (N+threadsPerBlock-1) / threadsPerBlock );

__global__ void dot( float *a, float *b, float *c ) {
    __shared__ float cache[threadsPerBlock];
    int cacheIndex = threadIdx.x;
    float temp = 0;
    for (int tid = threadIdx.x + blockIdx.x * blockDim.x; tid < N; tid += blockDim.x * gridDim.x)
        temp += a[tid] * b[tid];
    cache[cacheIndex] = temp;
    __syncthreads();

    // for reductions, threadsPerBlock must be a power of 2
    int i = blockDim.x/2;
    while (i != 0) {
        if (cacheIndex < i)
            cache[cacheIndex] += cache[cacheIndex + i];
        __syncthreads();
        i /= 2;
    }
    if (cacheIndex == 0)
        c[blockIdx.x] = cache[0];
}

struct Complex {
    float   re;
    float   im;
    __device__ Complex( float a, float b ) : re(a), im(b)  {}
    __device__ float norm( void ) const { return re * re + im * im; }
    __device__ Complex operator*(const Complex& a) {
        return Complex(re*a.re - im*a.im, im*a.re + re*a.im);
    }
    __device__ friend Complex operator+(const Complex& a, const Complex& b) {
        return Complex(a.re + b.re, a.im + b.im);
    }
};

__device__ int escapes( int x, int y ) {
    const float scale = 1.5;
    Complex c(-0.8, 0.156);
    Complex a(scale * (float)(DIM/2 - x)/(DIM/2), scale * (float)(DIM/2 - y)/(DIM/2));
    for (int i=0; i<200; i++) {
        a = a * a + c;
        if (a.norm() > 1000)
            return 1;
    }
    return 0;
}

__global__ void kernel( unsigned char *ptr ) {
    // a block a pixel
    int x = blockIdx.x;
    int y = blockIdx.y;
    int offset = x + y * gridDim.x;
    ptr[offset*4 + 0] = 255 * !escapes( x, y );
    ptr[offset*4 + 1] = 0;
    ptr[offset*4 + 2] = 0;
    ptr[offset*4 + 3] = 255;
}

// globals needed by the update routine
struct DataBlock {
    unsigned char   *dev_bitmap;
    CPUBitmap       *bitmap;
};
texture<float>  texConstSrc;

int main( void ) {
    DataBlock   data;
    CPUBitmap bitmap( DIM, DIM, &data );
    HANDLE_ERROR( cudaMalloc( (void**)&data.dev_bitmap, bitmap.image_size() ) );
    dim3    grid(DIM,DIM);
    kernel<<<grid,1>>>( data.dev_bitmap );
    bitmap.display_and_exit();
}
