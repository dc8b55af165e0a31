// cuBLAS, as far as CuPy's matmul and dot call it: products in plain loops, on the handle's stream.
//
// Matrices are column-major: element (i, j) of A is A[i + j * lda]. What CuPy's library links to
// besides, and nothing here defines, build.sh fills with functions that say so.
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED void fake_product(void* stream, const std::function<void()>& run, const char* name);

namespace {

enum Status { SUCCESS = 0, INVALID_VALUE = 7, NOT_SUPPORTED = 15 };
enum DataType { FLOAT32 = 0, FLOAT64 = 1 };
enum MathMode { DEFAULT_MATH = 0, TF32_MATH = 3 };

struct Handle {
    void* stream = nullptr;
    int math_mode = DEFAULT_MATH;
};

// The nearest number with TF32's 10 bits after the point; of two as near, the even one.
float in_tf32(float x) {
    std::uint32_t bits;
    std::memcpy(&bits, &x, 4);
    bits = (bits + 0xfff + (bits >> 13 & 1)) & ~0x1fffu;
    std::memcpy(&x, &bits, 4);
    return x;
}

double in_tf32(double x) { return x; }

// c = alpha op(a) op(b) + beta c; where `transpose` is not 0, op transposes.
struct Product {
    int transpose_a, transpose_b, m, n, k, lda, ldb, ldc;
    bool tf32 = false;

    bool is_valid() const {
        return m >= 0 && n >= 0 && k >= 0 && lda >= std::max(1, transpose_a ? k : m) &&
               ldb >= std::max(1, transpose_b ? n : k) && ldc >= std::max(1, m);
    }

    template <class T>
    void run(T alpha, const T* a, const T* b, T beta, T* c) const {
        std::vector<T> column(m);
        for (long j = 0; j < n; ++j) {
            column.assign(m, 0);
            for (long l = 0; l < k; ++l) {
                const T right = transpose_b ? b[j + l * ldb] : b[l + j * ldb];
                const T factor = tf32 ? in_tf32(right) : right;
                const T* of_a = transpose_a ? a + l : a + l * lda;
                const long step = transpose_a ? lda : 1;
                for (long i = 0; i < m; ++i) {
                    const T left = of_a[i * step];
                    column[i] += (tf32 ? in_tf32(left) : left) * factor;
                }
            }
            for (long i = 0; i < m; ++i) {
                T& out = c[i + j * ldc];
                out = beta == 0 ? alpha * column[i] : alpha * column[i] + beta * out;
            }
        }
    }
};

template <class T>
int strided(void* handle, Product p, const void* alpha, const void* a, long long stride_a,
            const void* b, long long stride_b, const void* beta, void* c, long long stride_c,
            int count, const char* name) {
    if (!p.is_valid()) return INVALID_VALUE;
    p.tf32 = ((Handle*)handle)->math_mode == TF32_MATH;
    const T alpha_now = *(const T*)alpha, beta_now = *(const T*)beta;
    fake_product(((Handle*)handle)->stream, [=] {
        for (int i = 0; i < count; ++i) {
            p.run(alpha_now, (const T*)a + i * stride_a, (const T*)b + i * stride_b, beta_now,
                  (T*)c + i * stride_c);
        }
    }, name);
    return SUCCESS;
}

template <class T>
int batched(void* handle, Product p, const T* alpha, const T* const* a, const T* const* b,
            const T* beta, T* const* c, int count, const char* name) {
    if (!p.is_valid()) return INVALID_VALUE;
    p.tf32 = ((Handle*)handle)->math_mode == TF32_MATH;
    const T alpha_now = *alpha, beta_now = *beta;
    fake_product(((Handle*)handle)->stream, [=] {  // the arrays of pointers are on the device
        for (int i = 0; i < count; ++i) p.run(alpha_now, a[i], b[i], beta_now, c[i]);
    }, name);
    return SUCCESS;
}

}  // namespace

EXPORTED int cublasCreate_v2(void** handle) {
    *handle = new Handle;
    return SUCCESS;
}

EXPORTED int cublasDestroy_v2(void* handle) {
    delete (Handle*)handle;
    return SUCCESS;
}

EXPORTED int cublasSetStream_v2(void* handle, void* stream) {
    ((Handle*)handle)->stream = stream;
    return SUCCESS;
}

EXPORTED int cublasGetStream_v2(void* handle, void** stream) {
    *stream = ((Handle*)handle)->stream;
    return SUCCESS;
}

EXPORTED int cublasSetMathMode(void* handle, int mode) {
    ((Handle*)handle)->math_mode = mode;
    return SUCCESS;
}

EXPORTED int cublasGetMathMode(void* handle, int* mode) {
    *mode = ((Handle*)handle)->math_mode;
    return SUCCESS;
}

EXPORTED int cublasSetPointerMode_v2(void*, int) { return SUCCESS; }

EXPORTED int cublasGetPointerMode_v2(void*, int* mode) {
    *mode = 0;  // alpha and beta are on the host
    return SUCCESS;
}

EXPORTED int cublasGetVersion_v2(void*, int* version) {
    *version = 130000;
    return SUCCESS;
}

EXPORTED int cublasGemmStridedBatchedEx(void* handle, int transpose_a, int transpose_b, int m,
                                        int n, int k, const void* alpha, const void* a, int type_a,
                                        int lda, long long stride_a, const void* b, int type_b,
                                        int ldb, long long stride_b, const void* beta, void* c,
                                        int type_c, int ldc, long long stride_c, int count, int,
                                        int) {
    const Product p{transpose_a, transpose_b, m, n, k, lda, ldb, ldc};
    if (type_a != type_b || type_a != type_c) return NOT_SUPPORTED;
    if (type_a != FLOAT32 && type_a != FLOAT64) return NOT_SUPPORTED;
    return (type_a == FLOAT32 ? strided<float> : strided<double>)(
        handle, p, alpha, a, stride_a, b, stride_b, beta, c, stride_c, count,
        "cublasGemmStridedBatchedEx");
}

#define GEMM(S, T)                                                                                \
    EXPORTED int cublas##S##gemm_v2(void* handle, int transpose_a, int transpose_b, int m, int n, \
                                    int k, const T* alpha, const T* a, int lda, const T* b,       \
                                    int ldb, const T* beta, T* c, int ldc) {                      \
        const Product p{transpose_a, transpose_b, m, n, k, lda, ldb, ldc};                        \
        return strided<T>(handle, p, alpha, a, 0, b, 0, beta, c, 0, 1, "cublas" #S "gemm");       \
    }
GEMM(S, float)
GEMM(D, double)

EXPORTED int cublasGemmEx(void* handle, int transpose_a, int transpose_b, int m, int n, int k,
                          const void* alpha, const void* a, int type_a, int lda, const void* b,
                          int type_b, int ldb, const void* beta, void* c, int type_c, int ldc, int,
                          int) {
    const Product p{transpose_a, transpose_b, m, n, k, lda, ldb, ldc};
    if (type_a != type_b || type_a != type_c) return NOT_SUPPORTED;
    if (type_a != FLOAT32 && type_a != FLOAT64) return NOT_SUPPORTED;
    return (type_a == FLOAT32 ? strided<float> : strided<double>)(
        handle, p, alpha, a, 0, b, 0, beta, c, 0, 1, "cublasGemmEx");
}

#define OF_BOTH_TYPES(S, T)                                                                       \
    EXPORTED int cublas##S##gemmBatched(                                                          \
        void* handle, int transpose_a, int transpose_b, int m, int n, int k, const T* alpha,      \
        const T* const* a, int lda, const T* const* b, int ldb, const T* beta, T* const* c,       \
        int ldc, int count) {                                                                     \
        const Product p{transpose_a, transpose_b, m, n, k, lda, ldb, ldc};                        \
        return batched<T>(handle, p, alpha, a, b, beta, c, count, "cublas" #S "gemmBatched");     \
    }                                                                                             \
    EXPORTED int cublas##S##gemmStridedBatched(                                                   \
        void* handle, int transpose_a, int transpose_b, int m, int n, int k, const T* alpha,      \
        const T* a, int lda, long long stride_a, const T* b, int ldb, long long stride_b,         \
        const T* beta, T* c, int ldc, long long stride_c, int count) {                            \
        const Product p{transpose_a, transpose_b, m, n, k, lda, ldb, ldc};                        \
        return strided<T>(handle, p, alpha, a, stride_a, b, stride_b, beta, c, stride_c, count,   \
                          "cublas" #S "gemmStridedBatched");                                      \
    }
OF_BOTH_TYPES(S, float)
OF_BOTH_TYPES(D, double)
