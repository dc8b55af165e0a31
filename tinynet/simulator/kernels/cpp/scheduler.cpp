// Blocks run one after another; the threads of a block take turns, each until it waits or ends.
//
// Most kernels never wait. So a fiber runs thread after thread in a plain loop, and only when one
// of them waits does the next thread get a stack of its own: without barriers there is no switch.
// When every thread has ended or waits, those that wait for something complete are released:
//   first warps   (a group whose lanes have all arrived at a shuffle, a vote or __syncwarp),
//   then the block (every thread that is left is at __syncthreads).
// Nothing is pre-empted: a thread that spins on another's flag never lets it run (see crash.cpp).
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fiber.h"
#include "runtime.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace sim {

Launch launch;
Block block;

Context scheduler, fiber[MAX_THREADS];
int running;
static int begun;  // fibers that this launch has begun

bool on_own_stack(const char* address) {
  return address >= lowest_of(running) && address < lowest_of(running) + STACK;
}

bool overflowed_stack(const char* address) {
  return address >= lowest_of(running) - page() && address < lowest_of(running);
}

// ------------------------------------------------------------ the order of turns

static uint32_t random_state;

static uint32_t random_below(uint32_t bound) {  // xorshift: any fixed sequence will do
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state % bound;
}

static void draw_order() {
  for (int i = 0; i < block.threads; ++i)
    block.order[i] = launch.order == 1 ? block.threads - 1 - i : i;
  if (launch.order != 2) return;
  for (int i = block.threads - 1; i > 0; --i) {
    int j = (int)random_below(i + 1), swap = block.order[i];
    block.order[i] = block.order[j];
    block.order[j] = swap;
  }
}

// An order of n blocks without a table: i -> (a i + b) mod n visits each once if a, n are coprime.
struct BlockOrder {
  uint64_t n, a = 1, b = 0;
  explicit BlockOrder(uint64_t n) : n(n) {
    if (launch.order == 1) a = n - 1, b = n - 1;
    if (launch.order == 2 && n > 2) {
      uint32_t bound = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
      b = random_below(bound);
      do a = 1 + random_below(bound); while (shared_factor(a, n));
    }
  }
  static bool shared_factor(uint64_t x, uint64_t y) {
    while (y) { uint64_t rest = x % y; x = y; y = rest; }
    return x != 1;
  }
  uint64_t operator()(uint64_t i) const { return ((unsigned __int128)a * i + b) % n; }
};

// ------------------------------------------------------------ fibers

static void enter(int number) {
  running = number;
  switch_context(scheduler, fiber[number]);
}

static void fiber_loop() {
  for (;;) {
    launch.body(launch.arguments);
    switch_context(fiber[running], scheduler);
  }
}

static void resume(int t) {
  block.state[t] = NOT_WAITING;
  block.current = t;
  threadIdx = block.thread[t].index;
  enter(block.thread[t].fiber);
}

// ------------------------------------------------------------ release: who may go on?

// The lanes of `mask` that must be there. In check mode all of them; a GPU does not wait for lanes
// that have ended, so in run mode only those that are still alive.
static unsigned required(unsigned mask, unsigned alive) {
#ifdef SIM_CHECK
  (void)alive;
  return mask;
#else
  return mask & alive;
#endif
}

static int lanes_of(int warp) {
  int rest = block.threads - warp * WARP;
  return rest < WARP ? rest : WARP;
}

// The lanes of the group that lane `l` waits in: those with the same mask. 0 is that of
// __activemask(): whoever has come to its line.
static unsigned group_of(int warp, int l) {
  const Thread* lane = block.thread + warp * WARP;
  unsigned group = 0;
  for (int k = 0; k < lanes_of(warp); ++k)
    if (block.state[warp * WARP + k] == AT_WARP && lane[k].mask == lane[l].mask &&
        (lane[l].mask || lane[k].line == lane[l].line))
      group |= 1u << k;
  return group;
}

static void release_group(int warp, unsigned group) {
  unsigned all = group;
  ++block.syncs[warp];
#ifdef SIM_CHECK
  on_warp_sync(warp, group);
#endif
  for (int t = warp * WARP; group; group >>= 1, ++t) {
    if (!(group & 1)) continue;
    block.given[t] = block.offered[t];
    if (!block.thread[t].mask) block.thread[t].mask = all;
    block.state[t] = RELEASED;
    --block.at_warp;
#ifdef SIM_PROFILE
    on_warp_release(t);
#endif
  }
}

static void report_missing_lanes(int t, unsigned group) {
  block.current = t;
  if (Finding* finding = add_finding(LANES_MISSING, 0, block.thread[t].line))
    finding->detail = (uint64_t)block.thread[t].mask << 32 | group;
  abandon_launch();
}

// Release the groups of this warp that are complete; one that can never be is an error.
static void release_warp(int warp) {
  unsigned alive = 0;
  int stuck = -1;
  bool any = false;
  for (int l = 0; l < lanes_of(warp); ++l)
    alive |= unsigned(block.state[warp * WARP + l] != NOT_WAITING) << l;
  for (int l = 0; l < lanes_of(warp); ++l) {
    int t = warp * WARP + l;
    if (block.state[t] != AT_WARP) continue;
    unsigned mask = block.thread[t].mask, group = group_of(warp, l);
    bool complete = !(required(mask, alive) & ~group) && !(group & ~mask);
    if (mask && complete) release_group(warp, group), any = true;
    else if (mask) stuck = t;
  }
  for (int l = 0; l < lanes_of(warp) && !any; ++l) {
    int t = warp * WARP + l;
    if (block.state[t] != AT_WARP || block.thread[t].mask) continue;
    release_group(warp, group_of(warp, l));
    any = true;
  }
  if (stuck >= 0 && !any) report_missing_lanes(stuck, group_of(warp, stuck % WARP));
}

#ifdef SIM_CHECK
// All that are left are at __syncthreads(): is that every thread, and at the same one?
static void inspect_barrier() {
  int present = -1, absent = -1, elsewhere = -1;
  for (int t = 0; t < block.threads; ++t) {
    if (block.state[t] != AT_BARRIER) absent = t;
    else if (present < 0) present = t;
    else if (block.thread[t].line != block.thread[present].line) elsewhere = t;
  }
  int other = absent >= 0 ? absent : elsewhere;
  if (other < 0) return;
  block.current = other;
  Kind kind = absent >= 0 ? BARRIER_MISSED : BARRIERS_DIFFER;
  if (Finding* finding = add_finding(kind, 0, block.thread[present].line)) {
    finding->detail = uint64_t(absent >= 0 ? block.at_barrier : block.thread[elsewhere].line);
    where_is(present, block.number, finding->other_block, finding->other_thread);
  }
  abandon_launch();
}
#endif

static void release_barrier() {
#ifdef SIM_CHECK
  inspect_barrier();
#endif
#ifdef SIM_PROFILE
  on_barrier_release();
#endif
  for (int t = 0; t < block.threads; ++t)
    if (block.state[t] == AT_BARRIER) block.state[t] = RELEASED;
  ++block.epoch;
  block.at_barrier = 0;
  block.votes_given = block.votes;
  block.votes = 0;
}

// Let every thread go on that may; false when none is waiting any more.
static bool release() {
  if (block.at_warp)
    for (int warp = 0; warp * WARP < block.threads; ++warp) release_warp(warp);
  else if (block.at_barrier)
    release_barrier();
  else
    return false;
  if (launch.order == 2) draw_order();
  for (int i = 0; i < block.threads; ++i)
    if (block.state[block.order[i]] == RELEASED) resume(block.order[i]);
  return true;
}

// ------------------------------------------------------------ blocks

static void run_block() {
  block.started = 0;
  block.epoch = 0;
  block.votes = block.at_barrier = block.at_warp = 0;
  memset(block.syncs, 0, sizeof block.syncs);
  for (int used = 0; block.started < block.threads; ++used) {
    if (used == begun) begin_fiber(begun++, fiber_loop);
    block.first_of_fiber = true;
    enter(used);
#ifdef SIM_PROFILE
    on_warp_end();
#endif
  }
  while (release()) {}
#ifdef SIM_PROFILE
  on_block_end();
#endif
}

static void run_blocks() {
  uint64_t blocks = (uint64_t)launch.grid[0] * launch.grid[1] * launch.grid[2];
  BlockOrder order(blocks);
  for (uint64_t i = 0; i < blocks; ++i) {
    blockIdx = unravel(order(i), launch.grid);
    block.number = order(i) + 1;
    if (i == 0 || launch.order == 2) draw_order();
    run_block();
  }
}

// ------------------------------------------------------------ what Python calls

extern "C" __attribute__((visibility("default"))) char* sim_make_stacks() { return make_stacks(); }

extern "C" __attribute__((visibility("default")))
int sim_launch(const Launch* wanted, Finding** found) {
  launch = *wanted;
  gridDim = {launch.grid[0], launch.grid[1], launch.grid[2]};
  blockDim = {launch.block[0], launch.block[1], launch.block[2]};
  block.threads = int(blockDim.x * blockDim.y * blockDim.z);
  block.number = 0;
  block.current = 0;
  begun = 0;
  random_state = launch.seed * 2654435761u | 1;
  for (int t = 0; t < block.threads; ++t) {
    block.thread[t].index = unravel(t, launch.block);
    block.state[t] = NOT_WAITING;
  }
  forget_findings();
#ifdef SIM_WATCH
  watch_launch();
#endif
  survive(run_blocks, launch.seconds);
#ifdef SIM_PROFILE
  on_launch_end();
#endif
  fflush(stdout);
  return all_findings(found);
}

}  // namespace sim
