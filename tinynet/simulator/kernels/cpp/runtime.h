// What a compiled kernel and the runtime know about each other.
//
// A kernel is compiled with cuda.h and linked with the runtime: scheduler.cpp runs the threads,
// crash.cpp survives them, findings.cpp keeps what went wrong, and in check and profile mode
// watch.cpp is told of every load and store. One launch runs at a time, on one core: so all of this
// is plain static state, and results are deterministic.
#pragma once
#include <csetjmp>
#include <cstddef>
#include <cstdint>

struct uint3 { unsigned x, y, z; };
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
};
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

namespace sim {

constexpr int MAX_THREADS = 1024, WARP = 32, MAX_WARPS = MAX_THREADS / WARP;

// ------------------------------------------------------------ one launch, as Python describes it

struct Launch {
  uint32_t grid[3], block[3];
  void (*body)(void** arguments);  // runs threads, one after another, until none is left to start
  void** arguments;
  char* dynamic_shared;
  char* stacks;                    // of sim_make_stacks, for all kernels of the process
  int32_t order;                   // 0 forward, 1 reversed, 2 random
  uint32_t seed;
  double seconds;                  // of processor time, after which the kernel is stopped
};
extern Launch launch;

// ------------------------------------------------------------ the block that is running

enum State : uint8_t { NOT_WAITING, AT_BARRIER, AT_WARP, RELEASED };

struct Thread {
  uint3 index;
  unsigned mask;         // lanes that its warp-wide operation names
  bool orders_memory;    // that operation is a __syncwarp
  int line;              // where it waits
  int fiber;             // whose stack it waits on
};

struct Block {
  int threads, started, current;   // how many, how many have been started, which one runs now
  uint64_t number;                 // of this block in the order of running, from 1
  uint32_t epoch;                  // __syncthreads() passed so far
  int at_barrier, at_warp;         // how many wait
  State state[MAX_THREADS];
  Thread thread[MAX_THREADS];
  int order[MAX_THREADS];          // the order in which threads take their turns
  uint64_t offered[MAX_THREADS];   // what each lane brings to a warp-wide operation...
  uint64_t given[MAX_THREADS];     // ...and what its group gets to see when all are there
  unsigned syncs[MAX_WARPS];       // operations passed by each warp
  int votes, votes_given;          // for __syncthreads_count and its sisters
  bool first_of_fiber;             // a fiber is to begin its first thread
};
extern Block block;

// Marks what belongs to the simulator in a file whose every load, store and basic block is watched.
#if defined(__clang__) && __has_attribute(disable_sanitizer_instrumentation)
#define SIM_UNWATCHED __attribute__((disable_sanitizer_instrumentation, no_sanitize("coverage")))
#elif defined(__clang__)
#define SIM_UNWATCHED __attribute__((no_sanitize("thread"), no_sanitize("coverage")))
#else
#define SIM_UNWATCHED __attribute__((no_sanitize("thread"), no_sanitize_coverage))
#endif

#define SIM_INLINE SIM_UNWATCHED inline __attribute__((always_inline))

// Make the next thread that has not begun the current one; false when all have begun. In profile
// mode also at the end of a warp: the scheduler then goes on with the next one.
SIM_INLINE bool next_thread() {
  if (block.started == block.threads) return false;
#ifdef SIM_PROFILE
  if (block.started % WARP == 0 && !block.first_of_fiber) return false;
  block.first_of_fiber = false;
#endif
  block.current = block.order[block.started++];
  threadIdx = block.thread[block.current].index;
  return true;
}

// ------------------------------------------------------------ waiting

#if !defined(__x86_64__) && !defined(SIM_PORTABLE_SWITCH)
#define SIM_PORTABLE_SWITCH  // fiber.h has both ways
#endif
#ifdef SIM_PORTABLE_SWITCH
struct Context { jmp_buf registers; };
void switch_context(Context& from, Context& to);
#else
struct Context { void* stack_pointer; };
extern "C" void sim_switch(void** save, void* to);
SIM_INLINE void switch_context(Context& from, Context& to) {
  sim_switch(&from.stack_pointer, to.stack_pointer);
}
#endif
extern Context scheduler, fiber[MAX_THREADS];
extern int running;  // the number of the fiber that runs

// These are inline because after a switch every `return` on the way back is predicted wrongly.
SIM_INLINE void wait_as(State state, int line) {
  block.state[block.current] = state;
  block.thread[block.current].line = line;
  block.thread[block.current].fiber = running;
  switch_context(fiber[running], scheduler);
}

SIM_INLINE int wait_for_block(int vote, int line) {  // returns the sum of all votes
  block.votes += vote;
  ++block.at_barrier;
  wait_as(AT_BARRIER, line);
  return block.votes_given;
}

SIM_INLINE void wait_for_warp(unsigned mask, uint64_t offer, bool orders_memory, int line) {
  block.thread[block.current].mask = mask;
  block.thread[block.current].orders_memory = orders_memory;
  block.offered[block.current] = offer;
  ++block.at_warp;
  wait_as(AT_WARP, line);
}

// ------------------------------------------------------------ what goes wrong

enum Kind : int32_t {        // findings.py has the same, in this order
  OUT_OF_BOUNDS, RACE, UNINITIALISED, BARRIER_MISSED, BARRIERS_DIFFER, LANES_MISSING, CRASH,
  TIME_LIMIT, TOO_LONG, MISALIGNED, ASSERTION, UNSUPPORTED
};
enum Access : int32_t { READ, WRITE, ATOMIC };

constexpr int CALLERS = 4;

struct Finding {             // runtime.py has the same
  int32_t kind, access, other_access, region;
  uint32_t block[3], thread[3], other_block[3], other_thread[3];
  int64_t element;
  uint64_t pc, other_pc;     // offsets in the library, 0 if elsewhere
  uint64_t callers[CALLERS]; // where the function of pc was called, and so on; 0 where not known
  uint64_t detail, line;     // line: known already, or 0
};

// printf of a kernel; and what ends it: an assertion that fails, or what is not to be had here.
int print(const char* format, ...) __attribute__((format(printf, 1, 2)));
[[noreturn]] void stop(Kind kind, const char* text, const char* file, int line);
extern unsigned ticks;

// A finding of the thread that runs now, to be completed; nullptr if this place has one already.
Finding* add_finding(Kind kind, uintptr_t pc, int line = 0);
void forget_findings();
int all_findings(Finding** found);
void where_is(int thread, uint64_t block_number, uint32_t* block_index, uint32_t* thread_index);
uint3 unravel(uint64_t i, const uint32_t* size);    // x runs fastest, as in CUDA
uint64_t offset_in_library(uintptr_t address);      // 0 if it lies elsewhere

// In check.cpp: the thread that runs has called __threadfence(), or __threadfence_block(), which the
// other blocks need not see; and the lanes of a group have all come to a warp-wide operation.
#ifdef SIM_CHECK
void fence(bool for_all_blocks);
void on_warp_sync(int warp, unsigned group);
#else
inline void fence(bool) {}
#endif

// In crash.cpp: run `work` so that neither a crash nor a hang ends the process...
void survive(void (*work)(), double seconds);
[[noreturn]] void abandon_launch();                 // ...and leave it from anywhere
extern volatile bool busy;  // in watch() or print(), perhaps holding a lock of the C library: no leap
extern volatile bool stepping;                      // in lockstep.cpp, or in the scheduler for it
extern volatile bool late;  // the launch's time is up: they are to end it

// ------------------------------------------------------------ memory, in check and profile mode

struct Region {              // an array argument or a shared variable; runtime.py has the same
  const char* address;
  uint64_t bytes, itemsize;  // itemsize 0: shared memory, where each access has its own
  uint64_t red_zone;         // bytes before and after in which nothing else lives
  uint8_t* written;          // one byte per element; nullptr: all of it holds something
  int32_t shared, constant;  // constant: no pointer to it may write
};

// `pc` lies inside the instruction that touches the memory.
void watch(const void* address, size_t bytes, Access access, uintptr_t pc);
// A vector's, each watched as one access.
void load_vector(void* value, const void* from, size_t bytes, size_t alignment);
void store_vector(void* to, const void* value, size_t bytes, size_t alignment);
// What check.cpp and profile.cpp do with an access that lies within region number `region`.
void on_access(int region, uint64_t offset, size_t bytes, Access access, uintptr_t pc);
void on_launch(const Region* regions, int count);
void watch_launch();
// What trace.cpp wants to know of the scheduler, in profile mode.
void on_warp_release(int thread);  // its warp-wide operation is done
void on_warp_end();                // the last thread of a warp has ended or waits
void on_barrier_release();         // all are there, and none has gone on yet
void on_block_end();
void on_launch_end();

// In scheduler.cpp: the stacks of the fibers.
bool on_own_stack(const char* address);
bool overflowed_stack(const char* address);

}  // namespace sim
