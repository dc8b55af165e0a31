// Check mode: who touched this element last, and did anything come between?
//
// Every element has a cell: its last writer and two of its readers. An access races with an earlier
// one if at least one of the two writes, they are not both atomic, and nothing orders them:
//   another block                                    nothing ever orders blocks of one launch
//   another thread, no __syncthreads() between       "epoch" counts them
//   ... of the same warp, and no __syncwarp() either of both, or by way of a third: "sync" counts
// What a fence and then an atomic hand over, to whoever comes to the same atomic later, is ordered.
// Shared memory starts afresh with every block: what a block has not written, it must not read.
// A cell takes 60 bytes: check kernels on small arrays.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <tuple>
#include <vector>

#include "runtime.h"

namespace sim {

struct Touch {               // 0 in block: never
  uint32_t block, epoch, time;
  uint32_t sync : 20, thread : 11, atomic : 1;
  uint32_t pc;               // offset in the library
};
struct Cell { Touch writer, reader[2]; };

struct Shadow {
  const Region* region;
  Cell* cells;               // one per element; shared memory: one per byte
  uint32_t* written_in;      // shared memory: the block that last wrote this byte
};
static Shadow shadows[256];
static int n_shadows;
static uintptr_t library;    // where it begins

// ------------------------------------------------------------ fences and atomics

// A lock, or a counter of the blocks that are done: a thread writes, calls __threadfence(), and then
// gives a sign by an atomic. Who sees the sign by an atomic on the same element knows what was
// written before the fence; and so does its block, from its next barrier on. After a fence of the
// block alone, only threads of that block do.
struct Sign { uint32_t block, epoch, time, thread; bool for_all; };  // of whom, and its fence
struct Seen { Sign sign; uint32_t epoch, thread; };     // by whom of the block that runs, and when
static std::map<const Cell*, std::vector<Sign>> signs;
static std::vector<Seen> seen;
struct Fence { uint32_t block, time; bool for_all; };
static Fence last_fence[MAX_THREADS];                   // of each thread
static uint32_t seen_by, clock_of_fences;

void fence(bool for_all_blocks) {
  last_fence[block.current] = {uint32_t(block.number), ++clock_of_fences, for_all_blocks};
}

static void give_and_see_signs(const Cell* cell, const Touch& now) {
  if (seen_by != now.block) seen.clear();
  seen_by = now.block;
  auto& here = signs[cell];
  for (const Sign& sign : here) seen.push_back({sign, now.epoch, now.thread});
  const Fence& fence = last_fence[now.thread];
  if (fence.block != now.block || here.size() > 4096) return;
  for (const Seen& known : seen)
    if (known.thread == now.thread && known.epoch == now.epoch) here.push_back(known.sign);
  std::sort(here.begin(), here.end(), [](const Sign& a, const Sign& b) {
    return std::tie(a.block, a.thread, a.time) < std::tie(b.block, b.thread, b.time);
  });
  auto same = [](const Sign& a, const Sign& b) { return a.block == b.block && a.time == b.time; };
  here.erase(std::unique(here.begin(), here.end(), same), here.end());
  here.push_back({now.block, now.epoch, fence.time, now.thread, fence.for_all});
}

static bool handed_over(const Touch& earlier, const Touch& now) {
  if (seen_by != now.block) return false;
  for (const Seen& known : seen) {
    const Sign& sign = known.sign;
    bool knows = known.thread == now.thread || known.epoch < now.epoch;
    bool before = (sign.thread == earlier.thread && earlier.time < sign.time) ||
                  earlier.epoch < sign.epoch;
    bool reaches = sign.for_all || sign.block == now.block;
    if (knows && reaches && sign.block == earlier.block && before) return true;
  }
  return false;
}

// ------------------------------------------------------------ __syncwarp()

// What each thread knows of the lanes of its warp: their accesses before this many operations of the
// warp are ordered before all that it does now.
static uint32_t known[MAX_THREADS][WARP];
static uint64_t known_in;  // the block that this is of

void on_warp_sync(int warp, unsigned group) {
  if (known_in != block.number) memset(known, 0, sizeof known);
  known_in = block.number;
  uint32_t together[WARP] = {};
  for (int lane = 0; lane < WARP; ++lane) {
    int t = warp * WARP + lane;
    if (!(group >> lane & 1) || !block.thread[t].orders_memory) continue;
    for (int other = 0; other < WARP; ++other)
      together[other] = std::max(together[other], known[t][other]);
    together[lane] = block.syncs[warp];
  }
  for (int lane = 0; lane < WARP; ++lane) {
    int t = warp * WARP + lane;
    if (!(group >> lane & 1) || !block.thread[t].orders_memory) continue;
    memcpy(known[t], together, sizeof together);
  }
}

static bool warp_has_met(const Touch& earlier, const Touch& now) {
  return known_in == now.block && known[now.thread][earlier.thread % WARP] > earlier.sync;
}

// ------------------------------------------------------------ each access

void on_launch(const Region* regions, int count) {
  for (int i = 0; i < n_shadows; ++i) {
    free(shadows[i].cells);
    free(shadows[i].written_in);
  }
  library = (uintptr_t)&on_launch - offset_in_library((uintptr_t)&on_launch);
  n_shadows = count;
  signs.clear();
  seen.clear();
  seen_by = clock_of_fences = 0;
  memset(last_fence, 0, sizeof last_fence);
  known_in = 0;
  for (int i = 0; i < count; ++i) {
    const Region& region = regions[i];
    size_t cells = region.shared ? region.bytes : region.bytes / region.itemsize;
    shadows[i] = {&region, nullptr, nullptr};
    if (!region.constant) shadows[i].cells = (Cell*)calloc(cells + 1, sizeof(Cell));
    if (region.shared) shadows[i].written_in = (uint32_t*)calloc(cells + 1, sizeof(uint32_t));
  }
}

// How far apart two touches are: 0 ordered or by one thread, 1 one warp, 2 one block, 3 two blocks.
static int unordered(const Touch& earlier, const Touch& now, bool shared) {
  if (!earlier.block) return 0;
  if (earlier.block != now.block) return shared ? 0 : 3;
  if (earlier.thread == now.thread || earlier.epoch != now.epoch) return 0;
  if (earlier.thread / WARP != now.thread / WARP) return 2;
  return warp_has_met(earlier, now) ? 0 : 1;
}

// A race has two lines. Of a read and a write, report the read, whichever came first this time.
static void report_race(int region, uint64_t element, const Touch& now, Access access,
                        const Touch& other, Access other_access) {
  bool turn = other_access == READ;
  const Touch& here = turn ? other : now;
  const Touch& there = turn ? now : other;
  Finding* finding = add_finding(RACE, library + here.pc);
  if (!finding) return;
  finding->region = region;
  finding->element = (int64_t)element;
  finding->access = turn ? other_access : access;
  finding->other_access = turn ? access : other_access;
  finding->other_pc = there.pc;
  where_is(int(here.thread), here.block, finding->block, finding->thread);
  where_is(int(there.thread), there.block, finding->other_block, finding->other_thread);
}

static void report_uninitialised(int region, uint64_t element, uintptr_t pc) {
  if (Finding* finding = add_finding(UNINITIALISED, pc)) {
    finding->region = region;
    finding->element = (int64_t)element;
  }
}

// Keep the newest reader, and of the others the one farthest from it: if any reader is unordered
// with a later write, then one of these two is.
static void remember_reader(Cell& cell, const Touch& now, bool shared) {
  int first = unordered(cell.reader[0], now, shared);
  if (first > unordered(cell.reader[1], now, shared)) cell.reader[1] = cell.reader[0];
  cell.reader[0] = now;
}

static void check_race(Cell& cell, const Touch& now, int region, uint64_t element, Access access) {
  bool shared = shadows[region].region->shared;
  bool both_atomic = cell.writer.atomic && now.atomic;
  if (!both_atomic && unordered(cell.writer, now, shared) && !handed_over(cell.writer, now))
    report_race(region, element, now, access, cell.writer, cell.writer.atomic ? ATOMIC : WRITE);
  if (access == READ) return remember_reader(cell, now, shared);
  const Touch& reader = cell.reader[unordered(cell.reader[0], now, shared) ? 0 : 1];
  if (unordered(reader, now, shared) && !handed_over(reader, now))
    report_race(region, element, now, access, reader, READ);
  cell.writer = now;
}

void on_access(int number, uint64_t offset, size_t bytes, Access access, uintptr_t pc) {
  Shadow& shadow = shadows[number];
  const Region& region = *shadow.region;
  uint64_t unit = region.shared ? 1 : region.itemsize;
  uint64_t step = region.shared && bytes >= 4 ? 4 : unit;
  int warp = block.current / WARP;
  Touch now = {uint32_t(block.number), block.epoch, clock_of_fences, block.syncs[warp],
               uint32_t(block.current), access == ATOMIC, uint32_t(pc - library)};
  for (uint64_t at = offset / step * step; at < offset + bytes; at += step) {
    uint64_t cell = at / unit, element = region.shared ? at / bytes : cell;
    bool written = region.shared ? shadow.written_in[cell] == now.block
                                 : !region.written || region.written[cell];
    if (access != WRITE && !written)
      report_uninitialised(number, element, pc);
    if (access != READ && region.shared)
      for (uint64_t byte = 0; byte < step; ++byte) shadow.written_in[cell + byte] = now.block;
    if (access != READ && region.written) region.written[cell] = 1;
    if (!shadow.cells) continue;
    if (access == ATOMIC) give_and_see_signs(&shadow.cells[cell], now);
    check_race(shadow.cells[cell], now, number, element, access);
  }
}

}  // namespace sim
