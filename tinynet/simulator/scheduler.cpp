// Blocks one after another; the threads of a block in turns, each until it waits or ends.
//
// Most kernels never wait. So a fiber runs thread after thread in a plain loop, and only when one of
// them waits does the next thread get a stack of its own: a kernel without barriers costs no switch.
// When every thread has ended or waits, those that wait for something complete are released:
//   first warps   (a group whose lanes have all arrived at a shuffle, a vote or __syncwarp),
//   then the block (everyone who is left stands at __syncthreads).
// Nothing is pre-empted: a thread that spins on a flag of another never lets it run (see crash.cpp).
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

#include "fiber.h"
#include "runtime.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace sim {

Launch launch;
Block block;

static Fiber fibers[MAX_THREADS];
static Context scheduler;
static Fiber* running;

bool on_own_stack(const char* address) { return running && running->holds(address); }

bool overflowed_stack(const char* address) {
  for (const Fiber& fiber : fibers)
    if (fiber.overflowed_at(address)) return true;
  return false;
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

// A random order of n blocks without a table: i -> (a i + b) mod n visits each once if a, n are coprime.
struct BlockOrder {
  uint64_t n, a = 1, b = 0;
  explicit BlockOrder(uint64_t n) : n(n) {
    if (launch.order == 1) a = n - 1, b = n - 1;
    if (launch.order == 2 && n > 2) {
      b = random_below(n > UINT32_MAX ? UINT32_MAX : (uint32_t)n);
      do a = 1 + random_below(n > UINT32_MAX ? UINT32_MAX : (uint32_t)n); while (shared_factor(a, n));
    }
  }
  static bool shared_factor(uint64_t x, uint64_t y) {
    while (y) { uint64_t rest = x % y; x = y; y = rest; }
    return x != 1;
  }
  uint64_t operator()(uint64_t i) const { return ((unsigned __int128)a * i + b) % n; }
};

// ------------------------------------------------------------ threads that wait

static void enter(Fiber& fiber) {
  running = &fiber;
  switch_context(scheduler, fiber.context);
}

static void fiber_loop() {
  for (;;) {
    launch.body(launch.arguments);
    switch_context(running->context, scheduler);
  }
}

static void wait_as(State state) {
  Thread& me = block.thread[block.current];
  me.state = state;
  me.fiber = running;
  switch_context(running->context, scheduler);
}

int wait_for_block(int vote, int line, uintptr_t pc) {
  Thread& me = block.thread[block.current];
  me.line = line;
  me.pc = pc;
  block.votes += vote;
  wait_as(AT_BARRIER);
  return block.votes_given;
}

static bool pending_sync[MAX_THREADS];  // the lane waits at a __syncwarp, which orders memory too

void wait_for_warp(unsigned mask, uint64_t offer, bool orders_memory, uintptr_t pc) {
  Thread& me = block.thread[block.current];
  me.mask = mask;
  me.pc = pc;
  block.offered[block.current] = offer;
  pending_sync[block.current] = orders_memory;
  wait_as(AT_WARP);
}

static void resume(int t) {
  Thread& thread = block.thread[t];
  thread.state = NOT_WAITING;
  block.current = t;
  threadIdx = thread.index;
  enter(*thread.fiber);
}

// ------------------------------------------------------------ release: who may go on?

// The lanes of `mask` that must be there. In check mode all of them; a GPU does not wait for lanes that
// have ended, so in run mode only those that are still alive.
static unsigned required(unsigned mask, unsigned alive) {
#ifdef SIM_CHECK
  (void)alive;
  return mask;
#else
  return mask & alive;
#endif
}

// Release the groups of warp `w` that are complete. Returns the lanes let go; adds who waits in vain.
static unsigned release_warp(int w, unsigned& stuck) {
  Thread* lane = block.thread + w * WARP;
  int lanes = block.threads - w * WARP < WARP ? block.threads - w * WARP : WARP;
  unsigned waiting = 0, alive = 0, released = 0;
  for (int l = 0; l < lanes; ++l) {
    waiting |= unsigned(lane[l].state == AT_WARP) << l;
    alive |= unsigned(lane[l].state != NOT_WAITING) << l;
  }
  for (int l = 0; l < lanes; ++l) {
    if (!(waiting >> l & 1) || released >> l & 1) continue;
    unsigned mask = lane[l].mask, group = 0;
    for (int k = 0; k < lanes; ++k)
      if (waiting >> k & 1 && lane[k].mask == mask) group |= 1u << k;
    unsigned missing = (required(mask, alive) & ~group) | (group & ~mask);
    if (missing) { stuck |= 1u << l; continue; }
    for (int k = 0; k < lanes; ++k)
      if (group >> k & 1) {
        int t = w * WARP + k;
        block.given[t] = block.offered[t];
        if (pending_sync[t]) block.last_sync[t] = block.syncs[w] + 1;
      }
    ++block.syncs[w];
    released |= group;
  }
  return released;
}

static void report_missing_lanes(int w, unsigned stuck) {
  int t = w * WARP + __builtin_ctz(stuck);
  unsigned group = 0;
  for (int k = w * WARP; k < (w + 1) * WARP && k < block.threads; ++k)
    if (block.thread[k].state == AT_WARP && block.thread[k].mask == block.thread[t].mask)
      group |= 1u << k % WARP;
  block.current = t;
  if (Finding* finding = add_finding(LANES_MISSING, block.thread[t].pc))
    finding->detail = (uint64_t)block.thread[t].mask << 32 | group;
  abandon_launch();
}

// All who are left stand at __syncthreads(): is that everyone, and at the same one?
static void inspect_barrier(int waiting) {
  int present = -1, absent = -1, elsewhere = -1;
  for (int t = 0; t < block.threads; ++t) {
    if (block.thread[t].state != AT_BARRIER) absent = t;
    else if (present < 0) present = t;
    else if (block.thread[t].line != block.thread[present].line) elsewhere = t;
  }
  int other = absent >= 0 ? absent : elsewhere;
  if (other < 0) return;
  block.current = other;
  if (Finding* finding = add_finding(absent >= 0 ? BARRIER_MISSED : BARRIERS_DIFFER,
                                     block.thread[present].pc)) {
    finding->detail = absent >= 0 ? (uint64_t)waiting : (uint64_t)block.thread[elsewhere].line;
    where_is(present, block.number, finding->other_block, finding->other_thread);
  }
  abandon_launch();
}

// Let go all who may; false when nobody waits any more.
static bool release() {
  static bool go[MAX_THREADS];
  int at_barrier = 0, at_warp = 0;
  for (int t = 0; t < block.threads; ++t) {
    at_barrier += block.thread[t].state == AT_BARRIER;
    at_warp += block.thread[t].state == AT_WARP;
    go[t] = false;
  }
  if (at_barrier + at_warp == 0) return false;
  if (at_warp) {
    bool any = false;
    for (int w = 0; w * WARP < block.threads; ++w) {
      unsigned stuck = 0, released = release_warp(w, stuck);
      if (stuck && !released) report_missing_lanes(w, stuck);
      for (int l = 0; l < WARP && w * WARP + l < block.threads; ++l)
        go[w * WARP + l] = released >> l & 1;
      any |= released != 0;
    }
    if (!any) abandon_launch();
  } else {
#ifdef SIM_CHECK
    inspect_barrier(at_barrier);
#else
    (void)inspect_barrier;
#endif
    ++block.epoch;
    block.votes_given = block.votes;
    block.votes = 0;
    for (int t = 0; t < block.threads; ++t) go[t] = block.thread[t].state == AT_BARRIER;
  }
  if (launch.order == 2) draw_order();
  for (int i = 0; i < block.threads; ++i)
    if (go[block.order[i]]) resume(block.order[i]);
  return true;
}

// ------------------------------------------------------------ blocks

static void run_block() {
  block.started = 0;
  block.epoch = 0;
  block.votes = 0;
  memset(block.syncs, 0, sizeof block.syncs);
  memset(block.last_sync, 0, sizeof block.last_sync);
  for (int used = 0; block.started < block.threads; ++used) {
    if (!fibers[used].alive) fibers[used].start(used, fiber_loop);
    enter(fibers[used]);
  }
  while (release()) {}
}

static uint3 unravel(uint64_t i, const uint32_t* size) {  // x runs fastest, as in CUDA
  return {uint32_t(i % size[0]), uint32_t(i / size[0] % size[1]), uint32_t(i / size[0] / size[1])};
}

static uint64_t blocks_of_grid() {
  return (uint64_t)launch.grid[0] * launch.grid[1] * launch.grid[2];
}

static void run_blocks() {
  uint64_t blocks = blocks_of_grid();
  BlockOrder order(blocks);
  for (uint64_t i = 0; i < blocks; ++i) {
    blockIdx = unravel(order(i), launch.grid);
    block.number = order(i) + 1;
    if (i == 0 || launch.order == 2) draw_order();
    run_block();
  }
}

void where_is(int thread, uint64_t number, uint32_t* block_index, uint32_t* thread_index) {
  uint3 b = unravel(number - 1, launch.grid), t = unravel(thread, launch.block);
  memcpy(block_index, &b, sizeof b);
  memcpy(thread_index, &t, sizeof t);
}

// ------------------------------------------------------------ findings

static Finding findings[64];
static int n_findings;

uint64_t offset_in_library(uintptr_t address) {
  Dl_info here, there;
  dladdr((void*)&offset_in_library, &here);
  bool ours = dladdr((void*)address, &there) && there.dli_fbase == here.dli_fbase;
  return ours ? address - (uintptr_t)here.dli_fbase : 0;
}

Finding* add_finding(Kind kind, uintptr_t pc) {
  uint64_t offset = offset_in_library(pc);
  for (int i = 0; i < n_findings; ++i)
    if (findings[i].pc == offset && findings[i].kind == kind) return nullptr;
  if (n_findings == 64) return nullptr;
  Finding& finding = findings[n_findings++];
  finding = {};
  finding.kind = kind;
  finding.pc = offset;
  finding.region = -1;
  if (block.number) where_is(block.current, block.number, finding.block, finding.thread);
  return &finding;
}

// ------------------------------------------------------------ what Python calls

extern "C" __attribute__((visibility("default")))
int sim_launch(const Launch* wanted, Finding** found) {
  launch = *wanted;
  gridDim = {launch.grid[0], launch.grid[1], launch.grid[2]};
  blockDim = {launch.block[0], launch.block[1], launch.block[2]};
  block.threads = int(blockDim.x * blockDim.y * blockDim.z);
  block.number = 0;
  random_state = launch.seed * 2654435761u | 1;
  for (int t = 0; t < block.threads; ++t) {
    block.thread[t].index = unravel(t, launch.block);
    block.thread[t].state = NOT_WAITING;
  }
  n_findings = 0;
#ifdef SIM_WATCH
  watch_launch();
#endif
  survive(run_blocks, launch.seconds);
  if (n_findings)  // a launch given up leaves fibers in the middle of a thread
    for (Fiber& fiber : fibers) fiber.alive = false;
  *found = findings;
  return n_findings;
}

}  // namespace sim
