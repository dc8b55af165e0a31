// The vector types of CUDA: int2, float4, ... A vector is loaded and stored at once, as on a GPU.
//
// A host compiler copies a structure as it likes, field by field. While accesses are watched, a copy
// is therefore a load and a store, each told as one access of all the bytes.
#pragma once
#include "runtime.h"

#ifdef SIM_WATCH
#define SIM_COPIES(name)                                                                           \
  name() = default;                                                                                \
  SIM_INLINE name(const name& v) { sim::copy_vector<alignof(name)>(this, &v); }                    \
  SIM_INLINE name& operator=(const name& v) {                                                      \
    sim::copy_vector<alignof(name)>(this, &v);                                                     \
    return *this;                                                                                  \
  }
namespace sim {
template <size_t alignment, class T> SIM_INLINE void copy_vector(T* to, const T* from) {
  alignas(T) char value[sizeof(T)];
  load_vector(value, from, sizeof(T), alignment);
  store_vector(to, value, sizeof(T), alignment);
}
}  // namespace sim
#else
#define SIM_COPIES(name) name() = default;
#endif

#define SIM_VECTOR(T, name, align1, align2, align4)                                                \
  struct alignas(align1) name##1 {                                                                 \
    T x;                                                                                           \
    SIM_COPIES(name##1)                                                                            \
    constexpr name##1(T x) : x(x) {}                                                               \
  };                                                                                               \
  struct alignas(align2) name##2 {                                                                 \
    T x, y;                                                                                        \
    SIM_COPIES(name##2)                                                                            \
    constexpr name##2(T x, T y = 0) : x(x), y(y) {}                                                \
  };                                                                                               \
  struct alignas(align1) name##3 { /* three loads, as on a GPU */                                  \
    T x, y, z;                                                                                     \
    name##3() = default;                                                                           \
    constexpr name##3(T x, T y = 0, T z = 0) : x(x), y(y), z(z) {}                                 \
  };                                                                                               \
  struct alignas(align4) name##4 {                                                                 \
    T x, y, z, w;                                                                                  \
    SIM_COPIES(name##4)                                                                            \
    constexpr name##4(T x, T y = 0, T z = 0, T w = 0) : x(x), y(y), z(z), w(w) {}                  \
  };                                                                                               \
  static inline name##1 make_##name##1(T x) { return {x}; }                                        \
  static inline name##2 make_##name##2(T x, T y) { return {x, y}; }                                \
  static inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                        \
  static inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }

SIM_VECTOR(signed char, char, 1, 2, 4)
SIM_VECTOR(unsigned char, uchar, 1, 2, 4)
SIM_VECTOR(short, short, 2, 4, 8)
SIM_VECTOR(unsigned short, ushort, 2, 4, 8)
SIM_VECTOR(int, int, 4, 8, 16)
SIM_VECTOR(long, long, 8, 16, 16)
SIM_VECTOR(unsigned long, ulong, 8, 16, 16)
SIM_VECTOR(long long, longlong, 8, 16, 16)
SIM_VECTOR(unsigned long long, ulonglong, 8, 16, 16)
SIM_VECTOR(float, float, 4, 8, 16)
SIM_VECTOR(double, double, 8, 16, 16)

// threadIdx is a uint3 and no load, and a dim3 can be one.
struct alignas(4) uint1 { unsigned x; };
struct alignas(8) uint2 {
  unsigned x, y;
  SIM_COPIES(uint2)
  constexpr uint2(unsigned x, unsigned y = 0) : x(x), y(y) {}
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
  SIM_COPIES(uint4)
  constexpr uint4(unsigned x, unsigned y = 0, unsigned z = 0, unsigned w = 0)
      : x(x), y(y), z(z), w(w) {}
};
static inline uint1 make_uint1(unsigned x) { return {x}; }
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
static inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
