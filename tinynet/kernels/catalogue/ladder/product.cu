// The matrix product, in seven rungs.
//
//     c[row, column] = sum over i < k of a[row, i] * b[i, column]
//
//   c (out)  (m, n)
//   a        (m, k)
//   b        (k, n)        all row-major; m and n multiples of 128, k of 32
//
// Each rung computes the same sums in the same order. What differs is how often a number is asked
// for, and from which memory. Ragged sizes need a test at each border, as in gemm.cu.

// product_naive
// One thread computes one element of c, and threadIdx.x runs down the rows. The 32 lanes of a warp
// have 32 rows: what they read of a, and write of c, lies a whole row apart, and each number costs
// a sector of its own. Launch: block (32, 8), grid (m / 32, n / 8).
extern "C" __global__ void product_naive(float* c, const float* a, const float* b, int m, int n,
                                         int k) {
    const int row = blockIdx.x * blockDim.x + threadIdx.x;
    const int column = blockIdx.y * blockDim.y + threadIdx.y;
    float sum = 0;
    for (int i = 0; i < k; ++i) sum += a[row * k + i] * b[i * n + column];
    c[row * n + column] = sum;
}

// product_coalesced
// Rows and columns have changed places, and nothing else: threadIdx.x now runs along a row of c.
// The lanes of a warp read one number of a together, and 32 neighbours of b, which are 4 sectors.
// Launch: block (32, 8), grid (n / 32, m / 8).
extern "C" __global__ void product_coalesced(float* c, const float* a, const float* b, int m, int n,
                                             int k) {
    const int row = blockIdx.y * blockDim.y + threadIdx.y;
    const int column = blockIdx.x * blockDim.x + threadIdx.x;
    float sum = 0;
    for (int i = 0; i < k; ++i) sum += a[row * k + i] * b[i * n + column];
    c[row * n + column] = sum;
}

// product_shared
// The 1024 threads of a block need the same 32 rows of a and 32 columns of b. They copy them into
// shared memory, 32 x 32 numbers of each at a step, and each number from global memory serves 32
// threads. Launch: block (32, 32), grid (n / 32, m / 32).
#define SIDE 32
extern "C" __global__ void product_shared(float* c, const float* a, const float* b, int m, int n,
                                          int k) {
    __shared__ float a_tile[SIDE][SIDE], b_tile[SIDE][SIDE];
    const int row = blockIdx.y * SIDE + threadIdx.y, column = blockIdx.x * SIDE + threadIdx.x;
    float sum = 0;
    for (int step = 0; step < k; step += SIDE) {
        a_tile[threadIdx.y][threadIdx.x] = a[row * k + step + threadIdx.x];
        b_tile[threadIdx.y][threadIdx.x] = b[(step + threadIdx.y) * n + column];
        __syncthreads();  // the tiles are full before anyone reads them
        for (int i = 0; i < SIDE; ++i) sum += a_tile[threadIdx.y][i] * b_tile[i][threadIdx.x];
        __syncthreads();  // everyone has read them before the next step overwrites them
    }
    c[row * n + column] = sum;
}

// product_registers_1d
// Now shared memory is the narrow place: two reads for each multiply-add. One thread computes 8
// elements of a column. A number of b, once in a register, serves all 8, so 9 reads serve 8
// multiply-adds. The block computes 64 x 64 elements, in steps of 8 along k, and each of its 512
// threads copies one number of each tile. Launch: block (64, 8), grid (n / 64, m / 64).
#define EDGE 64  // of the tile of c
#define EACH 8   // elements of c in a thread; the step along k too, so that all threads copy
extern "C" __global__ void product_registers_1d(float* c, const float* a, const float* b, int m,
                                                int n, int k) {
    __shared__ float a_tile[EDGE][EACH], b_tile[EACH][EDGE];
    const int top = blockIdx.y * EDGE, column = blockIdx.x * EDGE + threadIdx.x;
    const int thread = threadIdx.y * EDGE + threadIdx.x;
    const int a_row = thread / EACH, a_column = thread % EACH;  // what it copies of a
    float sum[EACH] = {};
    for (int step = 0; step < k; step += EACH) {
        a_tile[a_row][a_column] = a[(top + a_row) * k + step + a_column];
        b_tile[threadIdx.y][threadIdx.x] = b[(step + threadIdx.y) * n + column];
        __syncthreads();
        for (int i = 0; i < EACH; ++i) {
            const float b_value = b_tile[i][threadIdx.x];
            for (int j = 0; j < EACH; ++j) sum[j] += a_tile[threadIdx.y * EACH + j][i] * b_value;
        }
        __syncthreads();
    }
    for (int j = 0; j < EACH; ++j) c[(top + threadIdx.y * EACH + j) * n + column] = sum[j];
}

// product_registers_2d
// One thread computes 8 x 8 elements: 16 reads of shared memory serve 64 multiply-adds, and a block
// of 256 threads computes 128 x 128 elements. But the columns of neighbouring threads lie 8 words
// apart. Sixteen threads share 4 banks, so that a read of b_tile takes 4 passes (of a_tile 2); and
// in c no two lanes share a sector, which with so short a k is more sectors than the tiles save.
// Launch: block (16, 16), grid (n / 128, m / 128).
#define TILE 128
extern "C" __global__ void product_registers_2d(float* c, const float* a, const float* b, int m,
                                                int n, int k) {
    __shared__ float a_tile[TILE][EACH], b_tile[EACH][TILE];
    const int top = blockIdx.y * TILE, left = blockIdx.x * TILE;
    const int thread = threadIdx.y * blockDim.x + threadIdx.x;
    const int row = threadIdx.y * EACH, column = threadIdx.x * EACH;  // in the tile of c
    float sum[EACH][EACH] = {};
    for (int step = 0; step < k; step += EACH) {
        for (int i = thread; i < TILE * EACH; i += blockDim.x * blockDim.y) {
            a_tile[i / EACH][i % EACH] = a[(top + i / EACH) * k + step + i % EACH];
            b_tile[i / TILE][i % TILE] = b[(step + i / TILE) * n + left + i % TILE];
        }
        __syncthreads();
        for (int i = 0; i < EACH; ++i) {
            float a_part[EACH], b_part[EACH];
            for (int j = 0; j < EACH; ++j) a_part[j] = a_tile[row + j][i];
            for (int j = 0; j < EACH; ++j) b_part[j] = b_tile[i][column + j];
            for (int y = 0; y < EACH; ++y) {
                for (int x = 0; x < EACH; ++x) sum[y][x] += a_part[y] * b_part[x];
            }
        }
        __syncthreads();
    }
    for (int y = 0; y < EACH; ++y) {
        for (int x = 0; x < EACH; ++x) c[(top + row + y) * n + left + column + x] = sum[y][x];
    }
}

// product_vectors
// All copies and reads are of 4 numbers at once. a_tile lies transposed, so that the 4 are
// neighbours in it; its rows are 4 words longer: the lanes that store a column of it meet 32 banks.
// The 8 x 8 elements of a thread are four pieces of 4 x 4, 64 apart both ways: neighbouring threads
// read and write neighbouring words. Launch: block (16, 16), grid (n / 128, m / 128).
#define HALF (TILE / 2)
#define FOUR(x) (*(float4*)&(x))  // x and the three numbers after it, as one
__device__ void copy_tiles(float (*a_tile)[TILE + 4], float (*b_tile)[TILE], const float* a,
                           const float* b, int n, int k) {
    const int thread = threadIdx.y * blockDim.x + threadIdx.x, threads = blockDim.x * blockDim.y;
    for (int t = thread; t < TILE * EACH / 4; t += threads) {
        const int row = t / 2, column = t % 2 * 4;  // of a; of b they are t / 32 and t % 32 * 4
        const float4 of_a = FOUR(a[row * k + column]);
        a_tile[column][row] = of_a.x;
        a_tile[column + 1][row] = of_a.y;
        a_tile[column + 2][row] = of_a.z;
        a_tile[column + 3][row] = of_a.w;
        FOUR(b_tile[t / 32][t % 32 * 4]) = FOUR(b[t / 32 * n + t % 32 * 4]);
    }
}

extern "C" __global__ void product_vectors(float* c, const float* a, const float* b, int m, int n,
                                           int k) {
    __shared__ __align__(16) float a_tile[EACH][TILE + 4], b_tile[EACH][TILE];
    const int top = blockIdx.y * TILE, left = blockIdx.x * TILE;
    const int row = threadIdx.y * 4, column = threadIdx.x * 4;  // of its pieces in the tile of c
    __align__(16) float sum[EACH][EACH] = {};
    for (int step = 0; step < k; step += EACH) {
        copy_tiles(a_tile, b_tile, &a[top * k + step], &b[step * n + left], n, k);
        __syncthreads();
        for (int i = 0; i < EACH; ++i) {
            __align__(16) float a_part[EACH], b_part[EACH];
            for (int j = 0; j < 2; ++j) {
                FOUR(a_part[4 * j]) = FOUR(a_tile[i][row + j * HALF]);
                FOUR(b_part[4 * j]) = FOUR(b_tile[i][column + j * HALF]);
            }
            for (int y = 0; y < EACH; ++y) {
                for (int x = 0; x < EACH; ++x) sum[y][x] += a_part[y] * b_part[x];
            }
        }
        __syncthreads();
    }
    for (int y = 0; y < EACH; ++y) {
        float* c_row = &c[(top + row + y / 4 * HALF + y % 4) * n + left + column];
        FOUR(c_row[0]) = FOUR(sum[y][0]);
        FOUR(c_row[HALF]) = FOUR(sum[y][4]);
    }
}

// product_warps
// Each of the block's 4 warps has a tile of its own, 64 x 64 elements of c, and its lanes stand in
// it 8 by 4: a lane has 8 rows, and of each 16 columns, in four pieces of 4. What it reads of
// shared memory serves more elements: 6 reads of 4 numbers for 128 multiply-adds, where it was 4
// for 64. The price is registers. Launch: block (128), grid (n / 128, m / 128).
#define WIDE 16  // elements of a lane in a row
extern "C" __global__ void product_warps(float* c, const float* a, const float* b, int m, int n,
                                         int k) {
    __shared__ __align__(16) float a_tile[EACH][TILE + 4], b_tile[EACH][TILE];
    const int top = blockIdx.y * TILE, left = blockIdx.x * TILE;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int row = warp / 2 * HALF + lane / 4 * EACH, column = warp % 2 * HALF + lane % 4 * 4;
    __align__(16) float sum[EACH][WIDE] = {};
    for (int step = 0; step < k; step += EACH) {
        copy_tiles(a_tile, b_tile, &a[top * k + step], &b[step * n + left], n, k);
        __syncthreads();
        for (int i = 0; i < EACH; ++i) {
            __align__(16) float a_part[EACH], b_part[WIDE];
            for (int j = 0; j < EACH; j += 4) FOUR(a_part[j]) = FOUR(a_tile[i][row + j]);
            for (int j = 0; j < WIDE; j += 4) FOUR(b_part[j]) = FOUR(b_tile[i][column + 4 * j]);
            for (int y = 0; y < EACH; ++y) {
                for (int x = 0; x < WIDE; ++x) sum[y][x] += a_part[y] * b_part[x];
            }
        }
        __syncthreads();
    }
    for (int y = 0; y < EACH; ++y) {
        float* part = &c[(top + row + y) * n + left + column];
        for (int x = 0; x < WIDE; x += 4) FOUR(part[4 * x]) = FOUR(sum[y][x]);
    }
}
