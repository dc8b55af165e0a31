// Cooperative groups: the threads of a block, of a tile of a warp, or those that are here together.
//
// A group within a warp is a mask of lanes, and its operations are those of warp.h on that mask. The
// grid as a whole can wait only where it is one block: blocks run one after the other here.
#pragma once
#include <type_traits>

#include "cuda.h"

namespace cooperative_groups {

using sim::block;

struct thread_group;

namespace sim_detail {
SIM_INLINE unsigned thread() { return unsigned(block.current); }
SIM_INLINE unsigned lane() { return unsigned(block.current % 32); }
SIM_INLINE uint64_t blocks() { return (uint64_t)gridDim.x * gridDim.y * gridDim.z; }
SIM_INLINE uint64_t block_rank() {
  return ((uint64_t)blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
}
SIM_INLINE unsigned below(unsigned mask) {  // how many lanes of the mask come before this one
  return unsigned(__builtin_popcount(mask & ((1u << lane()) - 1)));
}
SIM_INLINE int nth(unsigned mask, unsigned rank) {  // the lane that has this rank in the mask
  for (int l = 0; l < 32; ++l)
    if (mask >> l & 1 && rank-- == 0) return l;
  return (int)lane();
}
SIM_INLINE unsigned tile_mask(unsigned size) {
  return (size == 32 ? ~0u : (1u << size) - 1) << lane() / size * size;
}
}  // namespace sim_detail

struct thread_block {
  SIM_INLINE void sync(SIM_LINE) const { sim::wait_for_block(0, line); }
  SIM_INLINE static unsigned thread_rank() { return sim_detail::thread(); }
  SIM_INLINE static unsigned size() { return unsigned(block.threads); }
  SIM_INLINE static unsigned num_threads() { return size(); }
  SIM_INLINE static dim3 group_index() { return {blockIdx.x, blockIdx.y, blockIdx.z}; }
  SIM_INLINE static dim3 thread_index() { return {threadIdx.x, threadIdx.y, threadIdx.z}; }
  SIM_INLINE static dim3 group_dim() { return blockDim; }
  SIM_INLINE static dim3 dim_threads() { return blockDim; }
  struct arrival_token {};
  SIM_INLINE arrival_token barrier_arrive() const { return {}; }
  SIM_INLINE void barrier_wait(arrival_token&&, SIM_LINE) const { sync(line); }
};
SIM_INLINE thread_block this_thread_block() { return {}; }

struct grid_group {
  SIM_INLINE void sync(SIM_LINE) const {
    if (sim_detail::blocks() > 1)
      sim::stop(sim::UNSUPPORTED, "grid.sync() waits for all blocks at once, and the simulator "
                                  "runs one after the other: launch one block", nullptr, line);
    sim::wait_for_block(0, line);
  }
  SIM_INLINE static bool is_valid() { return true; }
  SIM_INLINE static unsigned long long size() { return sim_detail::blocks() * block.threads; }
  SIM_INLINE static unsigned long long num_threads() { return size(); }
  SIM_INLINE static unsigned long long num_blocks() { return sim_detail::blocks(); }
  SIM_INLINE static dim3 group_dim() { return gridDim; }
  SIM_INLINE static dim3 dim_blocks() { return gridDim; }
  SIM_INLINE static dim3 block_index() { return {blockIdx.x, blockIdx.y, blockIdx.z}; }
  SIM_INLINE static unsigned long long block_rank() { return sim_detail::block_rank(); }
  SIM_INLINE static unsigned long long thread_rank() {
    return sim_detail::block_rank() * block.threads + sim_detail::thread();
  }
};
SIM_INLINE grid_group this_grid() { return {}; }

// ------------------------------------------------------------ lanes of a warp

// Any lanes of one warp; ranks count them in their order.
struct coalesced_group {
  unsigned mask;
  SIM_INLINE void sync(SIM_LINE) const { __syncwarp(mask, line); }
  SIM_INLINE unsigned thread_rank() const { return sim_detail::below(mask); }
  SIM_INLINE unsigned size() const { return unsigned(__builtin_popcount(mask)); }
  SIM_INLINE unsigned num_threads() const { return size(); }
  SIM_INLINE unsigned meta_group_rank() const { return 0; }
  SIM_INLINE unsigned meta_group_size() const { return 1; }

  template <class T> SIM_INLINE T shfl(T value, unsigned rank, SIM_LINE) const {
    return sim::shuffle(mask, value, sim_detail::nth(mask, rank), 0, 32, line);
  }
  template <class T> SIM_INLINE T shfl_down(T value, unsigned by, SIM_LINE) const {
    return shfl(value, thread_rank() + by < size() ? thread_rank() + by : thread_rank(), line);
  }
  template <class T> SIM_INLINE T shfl_up(T value, unsigned by, SIM_LINE) const {
    return shfl(value, thread_rank() >= by ? thread_rank() - by : thread_rank(), line);
  }
  template <class T> SIM_INLINE T shfl_xor(T value, unsigned with, SIM_LINE) const {
    return shfl(value, thread_rank() ^ with, line);
  }
  SIM_INLINE int any(int predicate, SIM_LINE) const { return __any_sync(mask, predicate, line); }
  SIM_INLINE int all(int predicate, SIM_LINE) const { return __all_sync(mask, predicate, line); }
  SIM_INLINE unsigned ballot(int predicate, SIM_LINE) const {
    return packed(__ballot_sync(mask, predicate, line));
  }
  template <class T> SIM_INLINE unsigned match_any(T value, SIM_LINE) const {
    return packed(__match_any_sync(mask, value, line));
  }

 private:
  SIM_INLINE unsigned packed(unsigned lanes) const {  // bits by rank, not by lane
    unsigned bits = 0, rank = 0;
    for (int l = 0; l < 32; ++l)
      if (mask >> l & 1) bits |= (lanes >> l & 1) << rank++;
    return bits;
  }
};
SIM_INLINE coalesced_group coalesced_threads(SIM_LINE) { return {__activemask(line)}; }

// `Size` neighbouring lanes, a power of 2.
template <unsigned Size, class Parent = void> struct thread_block_tile : coalesced_group {
  static_assert(Size <= 32 && (Size & (Size - 1)) == 0, "a tile has 1, 2, 4, 8, 16 or 32 threads");
  SIM_INLINE thread_block_tile() : coalesced_group{sim_detail::tile_mask(Size)} {}
  template <class Other>
  SIM_INLINE thread_block_tile(const thread_block_tile<Size, Other>&) : thread_block_tile() {}
  SIM_INLINE static unsigned thread_rank() { return sim_detail::lane() % Size; }
  SIM_INLINE static constexpr unsigned size() { return Size; }
  SIM_INLINE static constexpr unsigned num_threads() { return Size; }
  SIM_INLINE static unsigned meta_group_rank() { return sim_detail::thread() / Size; }
  SIM_INLINE static unsigned meta_group_size() { return (block.threads + Size - 1) / Size; }
  template <class T> SIM_INLINE T shfl(T value, int rank, SIM_LINE) const {
    return __shfl_sync(mask, value, rank, Size, line);
  }
  template <class T> SIM_INLINE T shfl_down(T value, unsigned by, SIM_LINE) const {
    return __shfl_down_sync(mask, value, by, Size, line);
  }
  template <class T> SIM_INLINE T shfl_up(T value, unsigned by, SIM_LINE) const {
    return __shfl_up_sync(mask, value, by, Size, line);
  }
  template <class T> SIM_INLINE T shfl_xor(T value, unsigned with, SIM_LINE) const {
    return __shfl_xor_sync(mask, value, (int)with, Size, line);
  }
};
template <unsigned Size, class Parent>
SIM_INLINE thread_block_tile<Size, Parent> tiled_partition(const Parent&) {
  return {};
}

// A tile whose size is known at run time only; also what other groups can be handed on as.
struct thread_group : coalesced_group {
  bool whole_block;
  SIM_INLINE thread_group(const thread_block&) : coalesced_group{0}, whole_block(true) {}
  SIM_INLINE thread_group(const coalesced_group& g) : coalesced_group(g), whole_block(false) {}
  SIM_INLINE void sync(SIM_LINE) const {
    whole_block ? (void)sim::wait_for_block(0, line) : coalesced_group::sync(line);
  }
  SIM_INLINE unsigned thread_rank() const {
    return whole_block ? sim_detail::thread() : coalesced_group::thread_rank();
  }
  SIM_INLINE unsigned size() const {
    return whole_block ? unsigned(block.threads) : coalesced_group::size();
  }
  SIM_INLINE unsigned num_threads() const { return size(); }
};
template <class Parent> SIM_INLINE thread_group tiled_partition(const Parent&, unsigned size) {
  return coalesced_group{sim_detail::tile_mask(size)};
}
template <class Group> SIM_INLINE coalesced_group labeled_partition(const Group& g, int label, SIM_LINE) {
  return {__match_any_sync(g.mask, label, line)};
}
template <class Group> SIM_INLINE coalesced_group binary_partition(const Group& g, bool part, SIM_LINE) {
  return {__match_any_sync(g.mask, (int)part, line)};
}

template <class Group> SIM_INLINE void sync(const Group& group, SIM_LINE) { group.sync(line); }
template <class Group> SIM_INLINE auto thread_rank(const Group& group) { return group.thread_rank(); }
template <class Group> SIM_INLINE auto group_size(const Group& group) { return group.size(); }

// ------------------------------------------------------------ reductions and scans

#define SIM_OPERATOR(name, result)                                                                 \
  template <class T = void> struct name {                                                          \
    SIM_INLINE T operator()(T a, T b) const { return result; }                                     \
  };                                                                                               \
  template <> struct name<void> {                                                                  \
    template <class T> SIM_INLINE T operator()(T a, T b) const { return result; }                  \
  };
SIM_OPERATOR(plus, a + b)
SIM_OPERATOR(less, b < a ? b : a)
SIM_OPERATOR(greater, a < b ? b : a)
SIM_OPERATOR(bit_and, a & b)
SIM_OPERATOR(bit_or, a | b)
SIM_OPERATOR(bit_xor, a ^ b)

template <class Group, class T, class Op>
SIM_INLINE T reduce(const Group& group, T value, Op&& op, SIM_LINE) {
  return sim::over_lanes(group.mask, value, op, line);
}

namespace sim_detail {
// Of the lanes up to this one, or before it.
template <class Group, class T, class Op>
SIM_INLINE T scan(const Group& group, T value, Op& op, bool inclusive, int line) {
  alignas(T) char room[32 * sizeof(T)];
  T* values = (T*)room;
  sim::exchange(group.mask, value, values, line);
  T sum = T();
  bool first = true;
  for (unsigned l = 0; l < lane() + inclusive; ++l) {
    if (!(group.mask >> l & 1)) continue;
    sum = first ? values[l] : op(sum, values[l]);
    first = false;
  }
  return sum;
}
}  // namespace sim_detail

template <class Group, class T, class Op = plus<T>>
SIM_INLINE T inclusive_scan(const Group& group, T value, Op&& op = Op(), SIM_LINE) {
  return sim_detail::scan(group, value, op, true, line);
}
template <class Group, class T, class Op = plus<T>>
SIM_INLINE T exclusive_scan(const Group& group, T value, Op&& op = Op(), SIM_LINE) {
  return sim_detail::scan(group, value, op, false, line);
}

// ------------------------------------------------------------ copies by a group

template <class Group, class T>
static inline void memcpy_async(const Group& group, T* to, const T* from, size_t bytes) {
  for (size_t i = group.thread_rank(); i < bytes / sizeof(T); i += group.size()) to[i] = from[i];
}
template <class Group> SIM_INLINE void wait(const Group& group, SIM_LINE) { group.sync(line); }

}  // namespace cooperative_groups
