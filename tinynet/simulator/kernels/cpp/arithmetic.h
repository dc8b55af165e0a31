// Functions of numbers that CUDA has and C does not.
#pragma once
#include <cstring>
#include <math.h>
#include <type_traits>

#include "runtime.h"

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
#define __dsqrt_rn sqrt
#define __fsub_rn(a, b) ((float)(a) - (float)(b))
#define __dsub_rn(a, b) ((double)(a) - (double)(b))
#define __ddiv_rn(a, b) ((double)(a) / (double)(b))
#define __frcp_rn(x) (1.0f / (float)(x))
#define __drcp_rn(x) (1.0 / (double)(x))
#define __frsqrt_rn rsqrtf
#define fdividef(a, b) ((float)(a) / (float)(b))
#define __sincosf sincosf
#define __tanhf tanhf

// A float to an integer: rn to the nearest, even between two, rz towards 0, ru up, rd down. What
// does not fit gives the nearest that does, and a nan 0.
namespace sim {
template <class To, class From> inline To fitted(From x) {
  if (x != x) return 0;
  To low = std::is_signed_v<To> ? To(1ull << (8 * sizeof(To) - 1)) : To(0), high = To(~low);
  if (!std::is_signed_v<To>) high = To(~To(0));
  return x <= (From)low ? low : x >= (From)high ? high : To(x);
}
}  // namespace sim
#define SIM_ROUNDINGS(from, To, to)                                                                \
  static inline To __##from##2##to##_rn(SIM_##from x) { return sim::fitted<To>(nearbyint(x)); }    \
  static inline To __##from##2##to##_rz(SIM_##from x) { return sim::fitted<To>(trunc(x)); }        \
  static inline To __##from##2##to##_ru(SIM_##from x) { return sim::fitted<To>(ceil(x)); }         \
  static inline To __##from##2##to##_rd(SIM_##from x) { return sim::fitted<To>(floor(x)); }
#define SIM_float float
#define SIM_double double
SIM_ROUNDINGS(float, int, int) SIM_ROUNDINGS(float, unsigned, uint)
SIM_ROUNDINGS(float, long long, ll) SIM_ROUNDINGS(float, unsigned long long, ull)
SIM_ROUNDINGS(double, int, int) SIM_ROUNDINGS(double, unsigned, uint)
SIM_ROUNDINGS(double, long long, ll) SIM_ROUNDINGS(double, unsigned long long, ull)
static inline float __int2float_rn(int x) { return (float)x; }
static inline float __uint2float_rn(unsigned x) { return (float)x; }
static inline float __ll2float_rn(long long x) { return (float)x; }
static inline float __ull2float_rn(unsigned long long x) { return (float)x; }
static inline float __double2float_rn(double x) { return (float)x; }
static inline double __int2double_rn(int x) { return x; }
static inline double __uint2double_rn(unsigned x) { return x; }
static inline double __ll2double_rn(long long x) { return (double)x; }

static inline float rcbrtf(float x) { return 1.0f / cbrtf(x); }
static inline double rcbrt(double x) { return 1.0 / cbrt(x); }
static inline float sinpif(float x) { return (float)sin(M_PI * (double)x); }
static inline float cospif(float x) { return (float)cos(M_PI * (double)x); }
static inline double sinpi(double x) { return sin(M_PI * remainder(x, 2.0)); }
static inline double cospi(double x) { return cos(M_PI * remainder(x, 2.0)); }
static inline float normcdff(float x) { return 0.5f * erfcf(-x * (float)M_SQRT1_2); }
static inline double normcdf(double x) { return 0.5 * erfc(-x * M_SQRT1_2); }
static inline float rhypotf(float x, float y) { return 1.0f / hypotf(x, y); }
static inline float norm3df(float x, float y, float z) { return sqrtf(x * x + y * y + z * z); }
static inline float rnorm3df(float x, float y, float z) { return 1.0f / norm3df(x, y, z); }

static inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned((uint64_t)a * b >> 32); }
static inline int __mulhi(int a, int b) { return int((int64_t)a * b >> 32); }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((unsigned __int128)a * b >> 64);
}
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __ffsll(long long x) { return __builtin_ffsll(x); }
static inline int __clzll(long long x) {
  return x ? __builtin_clzll((unsigned long long)x) : 64;
}
static inline unsigned __brev(unsigned x) {
  unsigned reversed = 0;
  for (int bit = 0; bit < 32; ++bit) reversed |= (x >> bit & 1) << (31 - bit);
  return reversed;
}
static inline unsigned long long __brevll(unsigned long long x) {
  return (unsigned long long)__brev((unsigned)x) << 32 | __brev(unsigned(x >> 32));
}
static inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  uint64_t bytes = (uint64_t)y << 32 | x;
  unsigned result = 0;
  for (int i = 0; i < 4; ++i)
    result |= unsigned(bytes >> 8 * (selector >> 4 * i & 7) & 255) << 8 * i;
  return result;
}
static inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  return unsigned(((uint64_t)high << 32 | low) << (shift & 31) >> 32);
}
static inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return unsigned(((uint64_t)high << 32 | low) >> (shift & 31));
}
static inline int __mul24(int a, int b) { return (a << 8 >> 8) * (b << 8 >> 8); }
static inline unsigned __umul24(unsigned a, unsigned b) { return (a & 0xffffff) * (b & 0xffffff); }
static inline unsigned __sad(int a, int b, unsigned c) { return c + unsigned(a < b ? b - a : a - b); }
static inline int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 32; i += 8) c += (signed char)(a >> i) * (signed char)(b >> i);
  return c;
}

// Loads and stores that say how to cache, which changes no result.
#define SIM_LOAD(name) \
  template <class T> static inline __attribute__((always_inline)) T name(const T* address) { return *address; }
#define SIM_STORE(name) \
  template <class T> static inline __attribute__((always_inline)) void name(T* address, T value) { *address = value; }
SIM_LOAD(__ldg) SIM_LOAD(__ldca) SIM_LOAD(__ldcg) SIM_LOAD(__ldcs) SIM_LOAD(__ldlu) SIM_LOAD(__ldcv)
SIM_STORE(__stwb) SIM_STORE(__stcg) SIM_STORE(__stcs) SIM_STORE(__stwt)

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
static inline double __hiloint2double(int high, int low) {
  return __longlong_as_double((long long)((uint64_t)(unsigned)high << 32 | (unsigned)low));
}
static inline int __double2hiint(double x) { return int(__double_as_longlong(x) >> 32); }
static inline int __double2loint(double x) { return int(__double_as_longlong(x)); }
