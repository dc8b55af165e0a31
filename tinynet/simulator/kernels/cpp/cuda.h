// CUDA C for a C++17 compiler of the host: what a .cu file may say, in terms of runtime.h.
//
// Keywords become nothing; source.py has made shared memory static (one block runs at a time, so
// that is what it is). Barriers and warp-wide operations hand the thread to the scheduler. A host
// compiler knows more than NVRTC does: what compiles here need not compile there.
#pragma once
#include <cstdio>
#include <cstring>
#include <math.h>  // not <cmath>: this one puts the float and double overloads in the global scope
#include <type_traits>

#include "runtime.h"
#include "vectors.h"

#define __global__ __attribute__((noinline))  // else the code that crashes may have moved out of it
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
static const int warpSize = 32;

// ------------------------------------------------------------ the threads of a block

// `line` is the caller's: a default argument is evaluated at the call.
#define SIM_LINE int line = __builtin_LINE()
SIM_INLINE void __syncthreads(SIM_LINE) { sim::wait_for_block(0, line); }
SIM_INLINE int __syncthreads_count(int p, SIM_LINE) { return sim::wait_for_block(p != 0, line); }
SIM_INLINE int __syncthreads_or(int p, SIM_LINE) { return sim::wait_for_block(p != 0, line) != 0; }
SIM_INLINE int __syncthreads_and(int p, SIM_LINE) { return sim::wait_for_block(p == 0, line) == 0; }
SIM_INLINE void __threadfence() {}
SIM_INLINE void __threadfence_block() {}

// ------------------------------------------------------------ the 32 threads of a warp

SIM_INLINE void __syncwarp(unsigned mask = ~0u, SIM_LINE) {
  sim::wait_for_warp(mask, 0, true, line);
}

SIM_INLINE unsigned __ballot_sync(unsigned mask, int predicate, SIM_LINE) {
  sim::wait_for_warp(mask, predicate != 0, false, line);
  const uint64_t* given = sim::block.given + sim::block.current / 32 * 32;
  unsigned votes = 0;
  for (int lane = 0; lane < 32; ++lane)
    if (mask >> lane & 1) votes |= unsigned(given[lane]) << lane;
  return votes;
}
SIM_INLINE int __any_sync(unsigned mask, int predicate, SIM_LINE) {
  return __ballot_sync(mask, predicate, line) != 0;
}
SIM_INLINE int __all_sync(unsigned mask, int predicate, SIM_LINE) {
  return __ballot_sync(mask, !predicate, line) == 0;
}

namespace sim {
// The value of lane `from` if it is in this lane's part of the warp (`width` lanes), else its own.
template <class T> SIM_INLINE T shuffle(unsigned mask, T value, int from, int width, int line) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "a shuffle moves 32 or 64 bits");
  uint64_t offer = 0;
  memcpy(&offer, &value, sizeof value);
  wait_for_warp(mask, offer, false, line);
  int lane = block.current % 32, part = lane & ~(width - 1);
  if (from < part || from >= part + width) from = lane;
  memcpy(&value, &block.given[block.current - lane + from], sizeof value);
  return value;
}
}  // namespace sim

#define SIM_SHUFFLE(name, Operand, from)                                                           \
  template <class T>                                                                               \
  SIM_INLINE T name(unsigned mask, T value, Operand operand, int width = 32, SIM_LINE) {           \
    int lane = sim::block.current % 32;                                                            \
    return sim::shuffle(mask, value, from, width, line);                                           \
  }
SIM_SHUFFLE(__shfl_sync, int, (lane & ~(width - 1)) + (operand & (width - 1)))
SIM_SHUFFLE(__shfl_up_sync, unsigned, lane - (int)operand)
SIM_SHUFFLE(__shfl_down_sync, unsigned, lane + (int)operand)
SIM_SHUFFLE(__shfl_xor_sync, int, lane ^ operand)

// ------------------------------------------------------------ atomics: one thread runs at a time

// While watched, an atomic is one step, at its caller's line; else it is inlined and has that line.
#ifdef SIM_WATCH
#define SIM_ATOMIC_STEP SIM_UNWATCHED static __attribute__((noinline, unused))
#define SIM_WATCH_ATOMIC(p) \
  sim::watch(p, sizeof *(p), sim::ATOMIC, (uintptr_t)__builtin_return_address(0) - 1)
#else
#define SIM_ATOMIC_STEP SIM_INLINE
#define SIM_WATCH_ATOMIC(p) (void)0
#endif
#define SIM_ATOMIC(name, now)                                                                      \
  template <class T> SIM_ATOMIC_STEP T name(T* address, std::common_type_t<T> value) {             \
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "an atomic works on 32 or 64 bits");           \
    SIM_WATCH_ATOMIC(address);                                                                     \
    T old = *(volatile T*)address;  /* volatile: a loop around it is not empty */                  \
    *(volatile T*)address = now;                                                                   \
    return old;                                                                                    \
  }
SIM_ATOMIC(atomicAdd, old + value)
SIM_ATOMIC(atomicSub, old - value)
SIM_ATOMIC(atomicMax, old > value ? old : value)
SIM_ATOMIC(atomicMin, old < value ? old : value)
SIM_ATOMIC(atomicExch, value)
SIM_ATOMIC(atomicAnd, old & value)
SIM_ATOMIC(atomicOr, old | value)
SIM_ATOMIC(atomicXor, old ^ value)
template <class T>
SIM_ATOMIC_STEP T atomicCAS(T* address, std::common_type_t<T> expected,
                            std::common_type_t<T> value) {
  SIM_WATCH_ATOMIC(address);
  T old = *address;
  if (old == expected) *address = value;
  return old;
}

// ------------------------------------------------------------ arithmetic

template <class A, class B> static inline std::common_type_t<A, B> max(A a, B b) {
  using T = std::common_type_t<A, B>;  // of a number and a NaN, the number: as in CUDA
  if constexpr (std::is_floating_point_v<T>) return fmax(T(a), T(b));
  else return T(a) > T(b) ? T(a) : T(b);
}
template <class A, class B> static inline std::common_type_t<A, B> min(A a, B b) {
  using T = std::common_type_t<A, B>;
  if constexpr (std::is_floating_point_v<T>) return fmin(T(a), T(b));
  else return T(a) < T(b) ? T(a) : T(b);
}
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / sqrt(x); }
static inline float rsqrt(float x) { return 1.0f / sqrtf(x); }
static inline float __saturatef(float x) { return fminf(fmaxf(x, 0.0f), 1.0f); }
#define __expf expf  // macros: the C library of Linux declares functions of these names itself
#define __exp10f(x) powf(10.0f, x)
#define __logf logf
#define __log2f log2f
#define __log10f log10f
#define __powf powf
#define __sinf sinf
#define __cosf cosf
#define __tanf tanf
#define __fdividef(a, b) ((float)(a) / (float)(b))
#define __fadd_rn(a, b) ((float)(a) + (float)(b))
#define __fmul_rn(a, b) ((float)(a) * (float)(b))
#define __fdiv_rn(a, b) ((float)(a) / (float)(b))
#define __dadd_rn(a, b) ((double)(a) + (double)(b))
#define __dmul_rn(a, b) ((double)(a) * (double)(b))
#define __fmaf_rn fmaf
#define __fma_rn fma
#define __fsqrt_rn sqrtf

static inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned((uint64_t)a * b >> 32); }
static inline int __mulhi(int a, int b) { return int((int64_t)a * b >> 32); }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((unsigned __int128)a * b >> 64);
}
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
static inline int __ffs(int x) { return __builtin_ffs(x); }
template <class T> static inline T __ldg(const T* address) { return *address; }

namespace sim {
template <class To, class From> inline To same_bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "");
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}
}  // namespace sim
static inline int __float_as_int(float x) { return sim::same_bits<int>(x); }
static inline unsigned __float_as_uint(float x) { return sim::same_bits<unsigned>(x); }
static inline float __int_as_float(int x) { return sim::same_bits<float>(x); }
static inline float __uint_as_float(unsigned x) { return sim::same_bits<float>(x); }
static inline long long __double_as_longlong(double x) { return sim::same_bits<long long>(x); }
static inline double __longlong_as_double(long long x) { return sim::same_bits<double>(x); }

#include "dual.h"  // needs the shuffles above
