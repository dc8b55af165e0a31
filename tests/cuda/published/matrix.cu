// Matrices are passed by value: their sizes, and where their elements are, in row-major order.
typedef struct {
    int width;
    int height;
    int stride;
    float* elements;
} Matrix;

// The kernel comes after the code that launches it.
__global__ void MatMulKernel(const Matrix, const Matrix, Matrix);

void MatMul(const Matrix A, const Matrix B, Matrix C)
{
    Matrix d_A = A;
    cudaMalloc(&d_A.elements, A.width * A.height * sizeof(float));
    cudaMemcpy(d_A.elements, A.elements, A.width * A.height * sizeof(float), cudaMemcpyHostToDevice);
    dim3 dimBlock(BLOCK_SIZE, BLOCK_SIZE);
    dim3 dimGrid(B.width / dimBlock.x, A.height / dimBlock.y);
    MatMulKernel<<<dimGrid, dimBlock>>>(d_A, d_A, d_A);
}

// The sub-matrix of A that is row blocks down and col blocks to the right
__device__ Matrix Block(Matrix A, int row, int col)
{
    Matrix sub = A;
    sub.width = sub.height = BLOCK_SIZE;
    sub.elements = &A.elements[A.stride * BLOCK_SIZE * row + BLOCK_SIZE * col];
    return sub;
}
__device__ float Get(const Matrix A, int row, int col) { return A.elements[row * A.stride + col]; }
__device__ void Set(Matrix A, int row, int col, float value) { A.elements[row * A.stride + col] = value; }

__global__ void MatMulKernel(Matrix A, Matrix B, Matrix C)
{
    int row = threadIdx.y, col = threadIdx.x;
    float sum = 0;
    for (int m = 0; m < (A.width / BLOCK_SIZE); ++m) {
        Matrix Asub = Block(A, blockIdx.y, m), Bsub = Block(B, m, blockIdx.x);
        __shared__ float As[BLOCK_SIZE][BLOCK_SIZE];
        __shared__ float Bs[BLOCK_SIZE][BLOCK_SIZE];
        As[row][col] = Get(Asub, row, col);
        Bs[row][col] = Get(Bsub, row, col);
        __syncthreads();
        for (int e = 0; e < BLOCK_SIZE; ++e) sum += As[row][e] * Bs[e][col];
        __syncthreads();
    }
    Set(Block(C, blockIdx.y, blockIdx.x), row, col, sum);
}
