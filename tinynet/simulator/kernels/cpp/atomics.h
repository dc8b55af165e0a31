// Atomics: one thread runs at a time, so that an ordinary read and write are one step.
#pragma once
#include <type_traits>

#include "runtime.h"

// While watched, an atomic is one step, at its caller's line; else it is inlined and has that line.
#ifdef SIM_WATCH
#define SIM_ATOMIC_STEP SIM_UNWATCHED static __attribute__((noinline, unused))
#define SIM_WATCH_ATOMIC(p) \
  sim::watch(p, sizeof *(p), sim::ATOMIC, (uintptr_t)__builtin_return_address(0) - 1)
#else
#ifdef SIM_LOCKSTEP  // what is volatile here is nobody's step
#define SIM_ATOMIC_STEP SIM_UNWATCHED static __attribute__((noinline, unused))
#else
#define SIM_ATOMIC_STEP SIM_INLINE
#endif
#define SIM_WATCH_ATOMIC(p) (void)0
#endif
#define SIM_ATOMIC(name, now)                                                                      \
  template <class T> SIM_ATOMIC_STEP T name(T* address, std::common_type_t<T> value) {             \
    static_assert(sizeof(T) >= 4, "an atomic works on 32 or 64 bits");                             \
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
SIM_ATOMIC(atomicInc, old >= value ? 0 : old + 1)
SIM_ATOMIC(atomicDec, old == 0 || old > value ? value : old - 1)
template <class T>
SIM_ATOMIC_STEP T atomicCAS(T* address, std::common_type_t<T> expected,
                            std::common_type_t<T> value) {
  SIM_WATCH_ATOMIC(address);
  T old = *address;
  if (old == expected) *address = value;
  return old;
}

// One thread runs at a time: whoever else may look, in a block or in the whole system, sees it.
#define SIM_SCOPES(name)                                                                           \
  template <class T, class... V> SIM_INLINE T name##_block(T* p, V... v) { return name(p, v...); }  \
  template <class T, class... V> SIM_INLINE T name##_system(T* p, V... v) { return name(p, v...); }
SIM_SCOPES(atomicAdd) SIM_SCOPES(atomicSub) SIM_SCOPES(atomicMax) SIM_SCOPES(atomicMin)
SIM_SCOPES(atomicExch) SIM_SCOPES(atomicAnd) SIM_SCOPES(atomicOr) SIM_SCOPES(atomicXor)
SIM_SCOPES(atomicCAS)
