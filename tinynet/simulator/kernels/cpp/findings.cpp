// What went wrong, kept for Python as numbers: findings.py turns them into sentences.
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>

#include "runtime.h"

namespace sim {

static Finding findings[64];
static int n_findings;

void forget_findings() { n_findings = 0; }

int all_findings(Finding** found) {
  *found = findings;
  return n_findings;
}

uint3 unravel(uint64_t i, const uint32_t* size) {
  return {uint32_t(i % size[0]), uint32_t(i / size[0] % size[1]), uint32_t(i / size[0] / size[1])};
}

void where_is(int thread, uint64_t block_number, uint32_t* block_index, uint32_t* thread_index) {
  uint3 b = unravel(block_number - 1, launch.grid), t = unravel(thread, launch.block);
  memcpy(block_index, &b, sizeof b);
  memcpy(thread_index, &t, sizeof t);
}

uint64_t offset_in_library(uintptr_t address) {
  Dl_info here, there;
  dladdr((void*)&offset_in_library, &here);
  bool ours = dladdr((void*)address, &there) && there.dli_fbase == here.dli_fbase;
  return ours ? address - (uintptr_t)here.dli_fbase : 0;
}

Finding* add_finding(Kind kind, uintptr_t pc, int line) {
  uint64_t offset = offset_in_library(pc);
  for (int i = 0; i < n_findings; ++i) {
    const Finding& known = findings[i];
    if (known.kind == kind && known.pc == offset && known.line == uint64_t(line)) return nullptr;
  }
  if (n_findings == sizeof findings / sizeof *findings) return nullptr;
  Finding& finding = findings[n_findings++];
  finding = {};
  finding.kind = kind;
  finding.pc = offset;
  finding.line = uint64_t(line);
  finding.region = -1;
  if (block.number) where_is(block.current, block.number, finding.block, finding.thread);
  return &finding;
}

// Where the threads of the block stand that was running when the launch was stopped: for each a
// state and, if it waits, its line.
enum Stand : int32_t { NOT_BEGUN, RUNNING, WAITS_FOR_BLOCK, WAITS_FOR_WARP, READY, ENDED };

extern "C" __attribute__((visibility("default"))) int sim_stand(int32_t* stand, int32_t* line) {
  for (int i = 0; i < block.threads; ++i) {
    int t = block.order[i];
    line[t] = block.thread[t].line;
    stand[t] = i >= block.started             ? NOT_BEGUN
               : t == block.current           ? RUNNING
               : block.state[t] == AT_BARRIER ? WAITS_FOR_BLOCK
               : block.state[t] == AT_WARP    ? WAITS_FOR_WARP
               : block.state[t] == RELEASED   ? READY
                                              : ENDED;
  }
  return block.threads;
}

// ------------------------------------------------------------ what a kernel says

unsigned ticks;
volatile bool stepping;

int print(const char* format, ...) {
  busy = true;  // a leap from here would leave the C library's lock taken
  va_list arguments;
  va_start(arguments, format);
  int written = vprintf(format, arguments);
  va_end(arguments);
  busy = false;
  if (!late) return written;
  add_finding(TIME_LIMIT, (uintptr_t)__builtin_return_address(0) - 1);
  abandon_launch();
}

void stop(Kind kind, const char* text, const char* file, int line) {
  if (Finding* finding = add_finding(kind, 0, line)) {
    finding->detail = (uint64_t)text;
    finding->element = (int64_t)file;
  }
  abandon_launch();
}

}  // namespace sim
