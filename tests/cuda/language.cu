// A kernel for each part of CUDA C that the simulator must speak, for tests/test_simulator.py.

extern "C" {

__constant__ int table[4] = {10, 20, 30, 40};

__global__ void indices_kernel(int* y, int n) {  // who runs where, as one number
  int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  int i = block * blockDim.x * blockDim.y * blockDim.z + thread;
  if (i < n) y[i] = 1000 * block + thread;
}

__global__ void scalars_kernel(double* y, float f, double d, int i, unsigned int u, long long l,
                               unsigned long long q, unsigned char b, bool flag) {
  y[0] = f, y[1] = d, y[2] = i, y[3] = u, y[4] = (double)l, y[5] = (double)q, y[6] = b, y[7] = flag;
}

__global__ void shared_sum_kernel(REAL* y, const REAL* __restrict__ x, int n) {
  __shared__ REAL part[256];
  REAL sum = 0;
#pragma unroll 4
  for (int i = threadIdx.x; i < n; i += blockDim.x) sum += x[i];
  part[threadIdx.x] = sum;
  __syncthreads();
  for (int half = blockDim.x / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) y[blockIdx.x] = part[0];
}

__device__ __forceinline__ REAL warp_sum(REAL value) {
  for (int step = warpSize / 2; step > 0; step /= 2)
    value += __shfl_down_sync(0xffffffffu, value, step);
  return value;
}
__global__ void __launch_bounds__(256) warp_sum_kernel(REAL* y, const REAL* x, int n) {
  extern __shared__ REAL sums[];  // one for each warp
  REAL sum = warp_sum(threadIdx.x < n ? x[threadIdx.x] : REAL(0));
  if (threadIdx.x % warpSize == 0) sums[threadIdx.x / warpSize] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int w = 0; w < blockDim.x / warpSize; ++w) atomicAdd(y, sums[w]);
}

__global__ void shuffles_kernel(int* y) {  // rows of 32: what each shuffle gives each lane
  int lane = threadIdx.x;
  y[lane] = __shfl_sync(0xffffffffu, lane, 5);
  y[32 + lane] = __shfl_up_sync(0xffffffffu, lane, 3);
  y[64 + lane] = __shfl_down_sync(0xffffffffu, lane, 3);
  y[96 + lane] = __shfl_xor_sync(0xffffffffu, lane, 1);
  y[128 + lane] = __shfl_down_sync(0xffffffffu, lane, 1, 8);
  y[160 + lane] = (int)__ballot_sync(0xffffffffu, lane % 2);
  y[192 + lane] = __any_sync(0xffffffffu, lane == 7);
  y[224 + lane] = __all_sync(0xffffffffu, lane < 31);
  if (lane < 16) y[256 + lane] = __shfl_sync(0x0000ffffu, lane, 9);
  y[288 + lane] = __shfl_sync(0xffffffffu, lane, 31 - lane);
}

__global__ void votes_kernel(int* y, int limit) {
  int t = threadIdx.x;
  int count = __syncthreads_count(t < limit);
  int any = __syncthreads_or(t == limit), all = __syncthreads_and(t < limit);
  if (t == 0) y[0] = count, y[1] = any, y[2] = all;
}

__global__ void atomics_kernel(float* f, double* d, int* i, unsigned int* u) {
  atomicAdd(f, 0.5f);
  atomicAdd(d, 0.25);
  atomicAdd(&i[0], 1);
  atomicMax(&i[1], (int)threadIdx.x);
  atomicMin(&i[2], -(int)threadIdx.x);
  atomicExch(&i[3], 7);
  atomicCAS(&i[4], 0, 9);
  atomicAdd(u, 2u);
}

__global__ void arithmetic_kernel(REAL* y, const REAL* x) {
  REAL a = x[0], b = x[1];
  y[0] = max(a, b), y[1] = min(a, b), y[2] = pow(a, b), y[3] = sqrt(a), y[4] = exp(b);
  y[5] = tanh(a), y[6] = fabs(-a), y[7] = rsqrt(a), y[8] = floor(b), y[9] = log(a);
  y[10] = max((int)a, 1), y[11] = __ldg(&x[1]), y[12] = table[3];
}

__global__ void fast_math_kernel(float* y, const float* x) {
  float a = x[0];
  y[0] = __expf(a), y[1] = __logf(a), y[2] = __powf(a, 2.0f), y[3] = rsqrtf(a);
  y[4] = powf(a, 0.5f);
  y[5] = fmaxf(a, 0.0f), y[6] = __fdividef(a, 2.0f), y[7] = __fadd_rn(a, __fmul_rn(a, a));
}

__global__ void bits_kernel(unsigned int* y, unsigned int a, unsigned int b) {
  y[0] = __umulhi(a, b), y[1] = __popc(a), y[2] = __clz((int)b), y[3] = __ffs((int)a);
  y[4] = __float_as_uint(1.0f), y[5] = (unsigned)__umul64hi(1ull << 63, 6ull);
}

__global__ void vectors_kernel(float* y, const float* x) {
  float4 v = reinterpret_cast<const float4*>(x)[threadIdx.x];
  int2 p = make_int2(1, 2);
  reinterpret_cast<float4*>(y)[threadIdx.x] = make_float4(v.w, v.z, v.y, v.x + p.y);
}

__global__ void order_kernel(int* y, int* ticket) {  // in which order the threads take their turns
  y[blockIdx.x * blockDim.x + threadIdx.x] = atomicAdd(ticket, 1);
}

__global__ void two_arrays_kernel(int* y) {
  __shared__ int a[32], b;
  volatile __shared__ int c[2][16];
  int t = threadIdx.x;
  a[t] = t;
  c[t / 16][t % 16] = 100 + t;
  if (t == 0) b = 1000;
  __syncthreads();
  y[t] = a[31 - t] + b + c[1 - t / 16][t % 16];
}

__global__ void full_shared_kernel(float* y) {
  __shared__ float tile[96][128];  // 48 KiB
  tile[0][threadIdx.x] = 1.0f;
  y[threadIdx.x] = tile[0][threadIdx.x];
}

// ---- what must not end the process

__global__ void divide_kernel(int* y, int divisor) {
  int i = threadIdx.x;
  y[i] =
      100 / (divisor - i);  // DIVIDE
}
__global__ void wild_kernel(int* y, long long offset) {
  y[offset] = 1;  // WILD
}
__global__ void wild_atomic_kernel(int* y, long long offset) {
  atomicAdd(y + offset, 1);  // WILD ATOMIC
}
__global__ void smash_kernel(long long* y, int n) {  // also where to return to
  long long few[4] = {};
  for (int i = 0; i < n; ++i) few[i] = (long long)(y + i);  // SMASH
  y[0] = few[n % 4];
}
__global__ void deep_kernel(float* y, int n) {
  float large[32768];
  for (int i = 0; i < n; ++i) large[i] = y[i % 4];
  y[0] = large[n / 2];
}
__global__ void spin_kernel(int* flag) {
  if (threadIdx.x == 1) atomicExch(flag, 1);
  while (threadIdx.x == 0 && atomicAdd(flag, 0) == 0) {  // SPIN
  }
}
__global__ void wait_for_lanes_kernel(int* y) {
  if (threadIdx.x < 16)
    y[threadIdx.x] = __shfl_sync(0xffffffffu, 1, 0);  // LANES
  else
    __syncthreads();
}

}  // extern "C"

__global__ void mangled_kernel(int* y) { y[0] = 1; }
