// Run mode, for a kernel that says volatile: the lanes of a warp make such accesses in step.
//
// Before 2017 the lanes of a warp always ran in step, and kernels of that time, such as the last six
// additions of a reduction, rely on it, with volatile pointers and no barrier. (Check mode calls that
// a race, which it is on every GPU since.) The compiler calls the functions below at each load and
// store, as for watch.cpp; only volatile ones do anything: they wait for those who come to the same
// place.
#include <cstring>

#include "runtime.h"

namespace sim {

static void in_step(const void* address, uintptr_t pc) {
  static const uintptr_t library = (uintptr_t)&in_step - offset_in_library((uintptr_t)&in_step);
  if (on_own_stack((const char*)address)) return;
  stepping = true;
  wait_for_warp(0, 0, false, -(int)(pc - library));
  stepping = false;
}

extern "C" {

#define SIM_CALLBACKS(bytes)                                                                       \
  void __tsan_read##bytes(void*) {}                                                                \
  void __tsan_write##bytes(void*) {}                                                               \
  void __tsan_unaligned_read##bytes(void*) {}                                                      \
  void __tsan_unaligned_write##bytes(void*) {}                                                     \
  void __tsan_volatile_read##bytes(void* p) {                                                      \
    in_step(p, (uintptr_t)__builtin_return_address(0) - 1);                                        \
  }                                                                                                \
  void __tsan_volatile_write##bytes(void* p) {                                                     \
    in_step(p, (uintptr_t)__builtin_return_address(0) - 1);                                        \
  }
SIM_CALLBACKS(1)
SIM_CALLBACKS(2)
SIM_CALLBACKS(4)
SIM_CALLBACKS(8)
SIM_CALLBACKS(16)
void __tsan_read_range(void*, size_t) {}
void __tsan_write_range(void*, size_t) {}
void* __tsan_memcpy(void* to, const void* from, size_t bytes) { return memcpy(to, from, bytes); }
void* __tsan_memset(void* to, int value, size_t bytes) { return memset(to, value, bytes); }
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}

}  // extern "C"
}  // namespace sim
