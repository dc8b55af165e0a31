// Half precision: 1 sign, 5 exponent and 10 fraction bits; rounded as the hardware rounds.
//
// Every operation is computed in float, whose 24 bits are more than 2 x 11 + 1: rounding its result
// to half gives what rounding the exact result once would give. A fused multiply-add is computed
// in double, in which nothing that matters for the rounding to half is lost.
#pragma once
#include "cuda.h"

#define SIM_HALF

namespace sim {

#ifdef SIM_PROFILE  // flops.py counts no conversions, and knows them where they stand apart
#define SIM_CONVERSION static __attribute__((noinline))
#else
#define SIM_CONVERSION static inline
#endif

SIM_CONVERSION float to_float(unsigned short bits) {
  unsigned sign = unsigned(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent == 31) return same_bits<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent) return same_bits<float>(sign | (exponent + 112) << 23 | fraction << 13);
  float small = (float)fraction * 0x1p-24f;
  return sign ? -small : small;
}

// The nearest half, the even one of two that are as near.
SIM_CONVERSION unsigned short to_half(double x) {
  unsigned short sign = std::signbit(x) ? 0x8000 : 0;
  double size = fabs(x);
  if (size != size) return 0x7fff;
  if (size == 0) return sign;
  if (size >= 65520) return sign | 0x7c00;  // half the way from 65504 to the next
  int exponent;
  frexp(size, &exponent);                   // size is below 2^exponent
  if (exponent < -13) exponent = -13;       // the smallest halfs all have the step 2^-24
  double steps = nearbyint(ldexp(size, 11 - exponent));
  unsigned short bits = (unsigned short)steps;
  return sign | (unsigned short)(bits + ((exponent + 13) << 10));
}

}  // namespace sim

struct __half {
  unsigned short bits;
  __half() = default;
  SIM_INLINE __half(float x) : bits(sim::to_half(x)) {}
  SIM_INLINE __half(double x) : bits(sim::to_half(x)) {}
  SIM_INLINE __half(int x) : bits(sim::to_half(x)) {}
  SIM_INLINE __half(unsigned x) : bits(sim::to_half(x)) {}
  SIM_INLINE __half(long x) : bits(sim::to_half((double)x)) {}
  SIM_INLINE __half(unsigned long x) : bits(sim::to_half((double)x)) {}
  SIM_INLINE __half(long long x) : bits(sim::to_half((double)x)) {}
  SIM_INLINE __half(unsigned long long x) : bits(sim::to_half((double)x)) {}
  SIM_INLINE operator float() const { return sim::to_float(bits); }
};
typedef __half half;

struct alignas(4) __half2 {
  half x, y;
  SIM_COPIES(__half2)
  SIM_INLINE __half2(half x, half y) : x(x), y(y) {}
};
typedef __half2 half2;
SIM_INLINE half2 make_half2(half x, half y) { return {x, y}; }

// ------------------------------------------------------------ conversions

SIM_INLINE float __half2float(half x) { return x; }
SIM_INLINE half __float2half(float x) { return half(x); }
SIM_INLINE half __float2half_rn(float x) { return half(x); }
SIM_INLINE half __double2half(double x) { return half(x); }
SIM_INLINE half __int2half_rn(int x) { return half(x); }
SIM_INLINE half __uint2half_rn(unsigned x) { return half(x); }
SIM_INLINE int __half2int_rn(half x) { return __float2int_rn(x); }
SIM_INLINE int __half2int_rz(half x) { return __float2int_rz(x); }
SIM_INLINE unsigned __half2uint_rn(half x) { return __float2uint_rn(x); }
SIM_INLINE half2 __float2half2_rn(float x) { return {half(x), half(x)}; }
SIM_INLINE half2 __floats2half2_rn(float x, float y) { return {half(x), half(y)}; }
SIM_INLINE half2 __float22half2_rn(float2 v) { return {half(v.x), half(v.y)}; }
SIM_INLINE float2 __half22float2(half2 v) { return {(float)v.x, (float)v.y}; }
SIM_INLINE half2 __half2half2(half x) { return {x, x}; }
SIM_INLINE half2 __halves2half2(half x, half y) { return {x, y}; }
SIM_INLINE half __low2half(half2 v) { return v.x; }
SIM_INLINE half __high2half(half2 v) { return v.y; }
SIM_INLINE float __low2float(half2 v) { return v.x; }
SIM_INLINE float __high2float(half2 v) { return v.y; }
SIM_INLINE half2 __low2half2(half2 v) { return {v.x, v.x}; }
SIM_INLINE half2 __high2half2(half2 v) { return {v.y, v.y}; }
SIM_INLINE half2 __lowhigh2highlow(half2 v) { return {v.y, v.x}; }
SIM_INLINE half2 __lows2half2(half2 a, half2 b) { return {a.x, b.x}; }
SIM_INLINE half2 __highs2half2(half2 a, half2 b) { return {a.y, b.y}; }
SIM_INLINE short __half_as_short(half x) { return (short)x.bits; }
SIM_INLINE unsigned short __half_as_ushort(half x) { return x.bits; }
SIM_INLINE half __ushort_as_half(unsigned short bits) {
  half x;
  x.bits = bits;
  return x;
}
SIM_INLINE half __short_as_half(short bits) { return __ushort_as_half((unsigned short)bits); }

// ------------------------------------------------------------ arithmetic, of one and of two

#define SIM_HALF_OPERATION(name, result)                                                           \
  SIM_INLINE half __h##name(half a, half b) {                                                      \
    float x = a, y = b;                                                                            \
    return half(result);                                                                           \
  }                                                                                                \
  SIM_INLINE half2 __h##name##2(half2 a, half2 b) {                                                \
    return {__h##name(a.x, b.x), __h##name(a.y, b.y)};                                             \
  }
SIM_HALF_OPERATION(add, x + y)
SIM_HALF_OPERATION(sub, x - y)
SIM_HALF_OPERATION(mul, x * y)
SIM_HALF_OPERATION(max, fmaxf(x, y))
SIM_HALF_OPERATION(min, fminf(x, y))
SIM_HALF_OPERATION(add_rn, x + y)
SIM_HALF_OPERATION(sub_rn, x - y)
SIM_HALF_OPERATION(mul_rn, x * y)
SIM_HALF_OPERATION(add_sat, __saturatef(x + y))
SIM_HALF_OPERATION(sub_sat, __saturatef(x - y))
SIM_HALF_OPERATION(mul_sat, __saturatef(x * y))
SIM_INLINE half __hdiv(half a, half b) { return half((float)a / (float)b); }
SIM_INLINE half2 __h2div(half2 a, half2 b) { return {__hdiv(a.x, b.x), __hdiv(a.y, b.y)}; }
SIM_INLINE half __hfma(half a, half b, half c) {
  return half((double)(float)a * (double)(float)b + (double)(float)c);
}
SIM_INLINE half2 __hfma2(half2 a, half2 b, half2 c) {
  return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)};
}
SIM_INLINE half __hneg(half x) { return __ushort_as_half(x.bits ^ 0x8000); }
SIM_INLINE half __habs(half x) { return __ushort_as_half(x.bits & 0x7fff); }
SIM_INLINE half2 __hneg2(half2 v) { return {__hneg(v.x), __hneg(v.y)}; }
SIM_INLINE half2 __habs2(half2 v) { return {__habs(v.x), __habs(v.y)}; }

#define SIM_HALF_OPERATOR(mark, name)                                                              \
  SIM_INLINE half operator mark(half a, half b) { return __h##name(a, b); }                        \
  SIM_INLINE half& operator mark##=(half& a, half b) { return a = __h##name(a, b); }
SIM_HALF_OPERATOR(+, add)
SIM_HALF_OPERATOR(-, sub)
SIM_HALF_OPERATOR(*, mul)
SIM_HALF_OPERATOR(/, div)
#define SIM_HALF2_OPERATOR(mark, name)                                                             \
  SIM_INLINE half2 operator mark(half2 a, half2 b) { return name(a, b); }                          \
  SIM_INLINE half2& operator mark##=(half2& a, half2 b) { return a = name(a, b); }
SIM_HALF2_OPERATOR(+, __hadd2)
SIM_HALF2_OPERATOR(-, __hsub2)
SIM_HALF2_OPERATOR(*, __hmul2)
SIM_HALF2_OPERATOR(/, __h2div)
SIM_INLINE half operator-(half x) { return __hneg(x); }
SIM_INLINE half operator+(half x) { return x; }
SIM_INLINE half2 operator-(half2 v) { return __hneg2(v); }
SIM_INLINE half& operator++(half& x) { return x = __hadd(x, half(1)); }
SIM_INLINE half& operator--(half& x) { return x = __hsub(x, half(1)); }

#define SIM_HALF_COMPARISON(mark, name)                                                            \
  SIM_INLINE bool operator mark(half a, half b) { return (float)a mark(float) b; }                 \
  SIM_INLINE bool __h##name(half a, half b) { return (float)a mark(float) b; }                     \
  SIM_INLINE half2 __h##name##2(half2 a, half2 b) {                                                \
    return {half(int(a.x mark b.x)), half(int(a.y mark b.y))};                                     \
  }                                                                                                \
  SIM_INLINE bool __hb##name##2(half2 a, half2 b) { return a.x mark b.x && a.y mark b.y; }
SIM_HALF_COMPARISON(==, eq)
SIM_HALF_COMPARISON(!=, ne)
SIM_HALF_COMPARISON(<, lt)
SIM_HALF_COMPARISON(<=, le)
SIM_HALF_COMPARISON(>, gt)
SIM_HALF_COMPARISON(>=, ge)
SIM_INLINE bool __hisnan(half x) { return (float)x != (float)x; }
SIM_INLINE int __hisinf(half x) { return (x.bits & 0x7fff) != 0x7c00 ? 0 : x.bits >> 15 ? -1 : 1; }

#define SIM_HALF_FUNCTION(name, function)                                                          \
  SIM_INLINE half h##name(half x) { return half(function((float)x)); }                             \
  SIM_INLINE half2 h2##name(half2 v) { return {h##name(v.x), h##name(v.y)}; }
SIM_HALF_FUNCTION(exp, expf)
SIM_HALF_FUNCTION(exp2, exp2f)
SIM_HALF_FUNCTION(log, logf)
SIM_HALF_FUNCTION(log2, log2f)
SIM_HALF_FUNCTION(log10, log10f)
SIM_HALF_FUNCTION(sqrt, sqrtf)
SIM_HALF_FUNCTION(rsqrt, rsqrtf)
SIM_HALF_FUNCTION(rcp, 1.0f /)
SIM_HALF_FUNCTION(sin, sinf)
SIM_HALF_FUNCTION(cos, cosf)
SIM_HALF_FUNCTION(tanh, tanhf)
SIM_HALF_FUNCTION(floor, floorf)
SIM_HALF_FUNCTION(ceil, ceilf)
SIM_HALF_FUNCTION(trunc, truncf)
SIM_HALF_FUNCTION(rint, rintf)

// ------------------------------------------------------------ atomics

SIM_ATOMIC_STEP half atomicAdd(half* address, half value) {
  SIM_WATCH_ATOMIC(address);
  half old = *address;
  *address = old + value;
  return old;
}
SIM_ATOMIC_STEP half2 atomicAdd(half2* address, half2 value) {
  SIM_WATCH_ATOMIC(address);
  half2 old(address->x, address->y), sum = old + value;
  address->x = sum.x;
  address->y = sum.y;
  return old;
}
