// CUDA C for a C++17 compiler of the host: what a .cu file may say, in terms of runtime.h.
//
// Keywords become nothing; variables.py has made shared memory static (one block runs at a time, so
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
#define __constant__
#define __managed__
#define __grid_constant__
#define __cluster_dims__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __inline__ inline
#define __inline_hint__
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
SIM_INLINE void __threadfence() { sim::fence(true); }
SIM_INLINE void __threadfence_block() { sim::fence(false); }
SIM_INLINE void __threadfence_system() { sim::fence(true); }

// ------------------------------------------------------------ what a thread says

#define printf(...) sim::print(__VA_ARGS__)
#ifdef NDEBUG
#define assert(...) (void)0
#else
#define assert(...) ((__VA_ARGS__) ? (void)0 : sim::stop(sim::ASSERTION, #__VA_ARGS__, __FILE__, __LINE__))
#endif
#define __trap() sim::stop(sim::UNSUPPORTED, "__trap() stops the kernel", __FILE__, __LINE__)
SIM_INLINE void __nanosleep(unsigned) {}
SIM_INLINE long long clock64() { return (long long)++sim::ticks; }  // goes on, and measures nothing
SIM_INLINE long clock() { return (long)++sim::ticks; }

#include "warp.h"
#include "atomics.h"
#include "arithmetic.h"
#include "dual.h"

#ifdef SIM_CHECK  // GCC would call the C library's, which nobody watches
extern "C" void *sim_memcpy(void*, const void*, size_t), *sim_memmove(void*, const void*, size_t);
extern "C" void* sim_memset(void*, int, size_t);
namespace std {
using ::sim_memcpy, ::sim_memmove, ::sim_memset;
}
#define memcpy sim_memcpy
#define memmove sim_memmove
#define memset sim_memset
#endif
