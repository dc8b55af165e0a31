// Every load and store of a kernel is watched: where does it go, and is anything there?
//
// The kernel is compiled with -fsanitize=thread, which makes the compiler call a function before
// each access to memory: __tsan_read4(address) and so on. Normally those are ThreadSanitizer's;
// here they are the ones below, and their return address says which line of the kernel called.
#include <cstring>
#include <dlfcn.h>

#include "runtime.h"

namespace sim {

#define SIM_CALLER ((uintptr_t)__builtin_return_address(0) - 1)

static Region regions[256];
static int n_regions;

// The library's own memory: __constant__ tables, threadIdx, blockDim. Asked for often, and the
// loader answers slowly, so answers are kept by page.
static bool in_library(const char* address) {
  static uintptr_t known_pages[64];
  uintptr_t page = (uintptr_t)address >> 12, &known = known_pages[page % 64];
  if (page == known) return true;
  if (!offset_in_library((uintptr_t)address)) return false;
  known = page;
  return true;
}

static uint64_t distance(const Region& region, const char* address) {
  if (address < region.address) return uint64_t(region.address - address);
  const char* end = region.address + region.bytes;
  return address < end ? 0 : uint64_t(address - end) + 1;
}

static void report_out_of_bounds(int nearest, const char* address, size_t bytes, Access access,
                                 uintptr_t pc) {
  Finding* finding = add_finding(OUT_OF_BOUNDS, pc);
  if (finding) {
    finding->access = access;
    finding->detail = bytes;
    if (nearest >= 0) {
      const Region& region = regions[nearest];
      int64_t unit = int64_t(region.itemsize ? region.itemsize : bytes);
      int64_t offset = address - region.address;
      finding->region = nearest;
      finding->element = offset < 0 ? -((-offset + unit - 1) / unit) : offset / unit;
    }
  }
  abandon_launch();  // before the access happens: it could land anywhere
}

// A load or store of n bytes must lie at a multiple of n, or the GPU stops the kernel.
static void check_alignment(int region, uint64_t offset, size_t bytes, size_t alignment,
                            Access access, uintptr_t pc) {
  if ((((uintptr_t)regions[region].address + offset) & (alignment - 1)) == 0) return;
  if (Finding* finding = add_finding(MISALIGNED, pc)) {
    finding->region = region;
    finding->access = access;
    finding->detail = bytes;
    finding->element = int64_t(offset);
  }
  abandon_launch();
}

static void look_up(const char* address, size_t bytes, size_t alignment, Access access,
                    uintptr_t pc) {
  for (int i = 0; i < n_regions; ++i) {
    uint64_t offset = uint64_t(address - regions[i].address);
    if (offset >= regions[i].bytes || offset + bytes > regions[i].bytes) continue;
    check_alignment(i, offset, bytes, alignment, access, pc);
    return on_access(i, offset, bytes, access, pc);
  }
  if (on_own_stack(address)) return;
  int nearest = -1;
  for (int i = 0; i < n_regions; ++i)
    if (distance(regions[i], address) <= regions[i].red_zone &&
        (nearest < 0 || distance(regions[i], address) < distance(regions[nearest], address)))
      nearest = i;
  if (nearest < 0 && in_library(address)) return;
  report_out_of_bounds(nearest, address, bytes, access, pc);
}

static void watch_aligned(const void* address, size_t bytes, size_t alignment, Access access,
                          uintptr_t pc) {
  busy = true;
  look_up((const char*)address, bytes, alignment, access, pc);
  busy = false;
  if (!late) return;
  add_finding(TIME_LIMIT, pc);
  abandon_launch();
}

void watch(const void* address, size_t bytes, Access access, uintptr_t pc) {
  bool number = bytes == 2 || bytes == 4 || bytes == 8;  // else a structure's, of smaller fields
  watch_aligned(address, bytes, number ? bytes : 1, access, pc);
}

void load_vector(void* value, const void* from, size_t bytes, size_t alignment) {
  watch_aligned(from, bytes, alignment, READ, SIM_CALLER);
  memcpy(value, from, bytes);
}

void store_vector(void* to, const void* value, size_t bytes, size_t alignment) {
  watch_aligned(to, bytes, alignment, WRITE, SIM_CALLER);
  memcpy(to, value, bytes);
}

void watch_launch() { on_launch(regions, n_regions); }

extern "C" {

__attribute__((visibility("default"))) int sim_watch(const Region* wanted, int count) {
  if (count > int(sizeof regions / sizeof *regions)) return 0;
  memcpy(regions, wanted, sizeof(Region) * size_t(count));
  n_regions = count;
  return 1;
}

#define SIM_CALLBACKS(bytes)                                                                       \
  void __tsan_read##bytes(void* p) { watch(p, bytes, READ, SIM_CALLER); }                          \
  void __tsan_write##bytes(void* p) { watch(p, bytes, WRITE, SIM_CALLER); }                        \
  void __tsan_unaligned_read##bytes(void* p) { watch(p, bytes, READ, SIM_CALLER); }                \
  void __tsan_unaligned_write##bytes(void* p) { watch(p, bytes, WRITE, SIM_CALLER); }
SIM_CALLBACKS(1)
SIM_CALLBACKS(2)
SIM_CALLBACKS(4)
SIM_CALLBACKS(8)
SIM_CALLBACKS(16)
void __tsan_read_range(void* p, size_t bytes) { watch(p, bytes, READ, SIM_CALLER); }
void __tsan_write_range(void* p, size_t bytes) { watch(p, bytes, WRITE, SIM_CALLER); }

void* __tsan_memcpy(void* to, const void* from, size_t bytes) {  // clang: copies of structures
  watch(from, bytes, READ, SIM_CALLER);
  watch(to, bytes, WRITE, SIM_CALLER);
  return memcpy(to, from, bytes);
}
void* __tsan_memmove(void* to, const void* from, size_t bytes) {  // where they might overlap
  watch(from, bytes, READ, SIM_CALLER);
  watch(to, bytes, WRITE, SIM_CALLER);
  return memmove(to, from, bytes);
}
void* __tsan_memset(void* to, int value, size_t bytes) {
  watch(to, bytes, WRITE, SIM_CALLER);
  return memset(to, value, bytes);
}

#ifdef SIM_CHECK
// A kernel's own memcpy and so on (cuda.h), as a GPU does them: number after number.
static void watch_numbers(const void* address, size_t bytes, Access access, uintptr_t pc) {
  const char *at = (const char*)address, *end = at + bytes;
  while (at < end) {
    size_t step = (uintptr_t)at % 4 == 0 && end - at >= 4 ? 4 : 1;
    watch(at, step, access, pc);
    at += step;
  }
}
void* sim_memcpy(void* to, const void* from, size_t bytes) {
  watch_numbers(from, bytes, READ, SIM_CALLER);
  watch_numbers(to, bytes, WRITE, SIM_CALLER);
  return memcpy(to, from, bytes);
}
void* sim_memmove(void* to, const void* from, size_t bytes) {
  watch_numbers(from, bytes, READ, SIM_CALLER);
  watch_numbers(to, bytes, WRITE, SIM_CALLER);
  return memmove(to, from, bytes);
}
void* sim_memset(void* to, int value, size_t bytes) {
  watch_numbers(to, bytes, WRITE, SIM_CALLER);
  return memset(to, value, bytes);
}
#endif

void __tsan_init() {}
#ifndef SIM_PROFILE  // trace.cpp wants to know
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
#endif

}  // extern "C"
}  // namespace sim
