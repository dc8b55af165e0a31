// What the 32 threads of a warp do together: votes, shuffles, sums. Each waits for the others.
#pragma once
#include <cstring>
#include <type_traits>

#include "runtime.h"

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
// The value of lane `from`, if that is one of `mask`, from `first` to the end of this lane's part of
// the warp (`width` lanes); else its own.
template <class T>
SIM_INLINE T shuffle(unsigned mask, T value, int from, int first, int width, int line) {
  static_assert(sizeof(T) <= 8, "a shuffle moves 64 bits at most");
  uint64_t offer = 0;
  memcpy(&offer, &value, sizeof value);
  wait_for_warp(mask, offer, false, line);
  int lane = block.current % 32, end = (lane & ~(width - 1)) + width;
  if (from < first || from >= end || !(mask >> from & 1)) from = lane;
  memcpy(&value, &block.given[block.current - lane + from], sizeof value);
  return value;
}
}  // namespace sim

#define SIM_SHUFFLE(name, Operand, from, first)                                                    \
  template <class T>                                                                               \
  SIM_INLINE T name(unsigned mask, T value, Operand operand, int width = 32, SIM_LINE) {           \
    int lane = sim::block.current % 32, part = lane & ~(width - 1);                                \
    return sim::shuffle(mask, value, from, first, width, line);                                    \
  }
SIM_SHUFFLE(__shfl_sync, int, part + (operand & (width - 1)), part)
SIM_SHUFFLE(__shfl_up_sync, unsigned, lane - (int)operand, part)
SIM_SHUFFLE(__shfl_down_sync, unsigned, lane + (int)operand, part)
SIM_SHUFFLE(__shfl_xor_sync, int, lane ^ operand, 0)  // which reaches earlier parts, not later ones

// The lanes that run this line together: those that are there when none can go on without it.
SIM_INLINE unsigned __activemask(SIM_LINE) {
  sim::wait_for_warp(0, 0, false, line);
  return sim::block.thread[sim::block.current].mask;
}

namespace sim {
template <class T> SIM_INLINE T given_by(int lane) {
  T value;
  memcpy(&value, &block.given[block.current / WARP * WARP + lane], sizeof value);
  return value;
}

// Another lane's value, from where it lies on its stack: no load of the kernel's own.
SIM_UNWATCHED __attribute__((noinline, unused)) static void fetch(void* to, const void* from,
                                                                  size_t bytes) {
  const volatile char* source = (const volatile char*)from;
  for (size_t i = 0; i < bytes; ++i) ((volatile char*)to)[i] = source[i];
}

// The values of all lanes of `mask`, each at its lane. Large ones stay where they are, until all
// have seen them.
template <class T> SIM_INLINE void exchange(unsigned mask, const T& value, T* values, int line) {
  uint64_t offer = 0;
  const T* there = &value;
  if constexpr (sizeof(T) <= 8) memcpy(&offer, &value, sizeof value);
  else memcpy(&offer, &there, sizeof there);
  wait_for_warp(mask, offer, false, line);
  for (int lane = 0; lane < WARP; ++lane) {
    if (!(mask >> lane & 1)) continue;
    const uint64_t& given = block.given[block.current / WARP * WARP + lane];
    fetch(values + lane, sizeof(T) <= 8 ? (const void*)&given : (const void*)given, sizeof(T));
  }
  if constexpr (sizeof(T) > 8) wait_for_warp(mask, 0, false, line);
}

// What `combine` makes of the values of the lanes in `mask`, which it is given in their order.
template <class T, class Combine>
SIM_INLINE T over_lanes(unsigned mask, T value, Combine combine, int line) {
  alignas(T) char room[WARP * sizeof(T)];
  T* values = (T*)room;
  exchange(mask, value, values, line);
  int first = __builtin_ctz(mask);
  T result = values[first];
  for (int lane = first + 1; lane < WARP; ++lane)
    if (mask >> lane & 1) result = combine(result, values[lane]);
  return result;
}
}  // namespace sim

#define SIM_REDUCE(name, combined)                                                                 \
  template <class T> SIM_INLINE T name(unsigned mask, T value, SIM_LINE) {                         \
    static_assert(std::is_same_v<T, int> || std::is_same_v<T, unsigned>, "of int or unsigned");    \
    return sim::over_lanes(mask, value, [](T a, T b) { return T(combined); }, line);               \
  }
SIM_REDUCE(__reduce_add_sync, a + b)
SIM_REDUCE(__reduce_min_sync, b < a ? b : a)
SIM_REDUCE(__reduce_max_sync, b > a ? b : a)
SIM_REDUCE(__reduce_and_sync, a & b)
SIM_REDUCE(__reduce_or_sync, a | b)
SIM_REDUCE(__reduce_xor_sync, a ^ b)

// The lanes of `mask` with the same value as this one's.
template <class T> SIM_INLINE unsigned __match_any_sync(unsigned mask, T value, SIM_LINE) {
  static_assert(sizeof(T) <= 8, "__match_any_sync compares 64 bits at most");
  uint64_t offer = 0;
  memcpy(&offer, &value, sizeof value);
  sim::wait_for_warp(mask, offer, false, line);
  unsigned same = 0;
  for (int lane = 0; lane < 32; ++lane)
    if (mask >> lane & 1) same |= unsigned(sim::given_by<uint64_t>(lane) == offer) << lane;
  return same;
}
template <class T> SIM_INLINE unsigned __match_all_sync(unsigned mask, T value, int* all, SIM_LINE) {
  *all = __match_any_sync(mask, value, line) == mask;
  return *all ? mask : 0;
}
