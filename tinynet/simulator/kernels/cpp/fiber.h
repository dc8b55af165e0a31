// Fibers: stacks that one core switches between, so that 1,024 threads of a block can take turns.
//
// To switch is to save the registers that a C function must keep, change the stack pointer, and
// restore. On x86-64 that is the few instructions below, 7 ns per switch. Elsewhere POSIX ucontext
// makes the stack and _setjmp/_longjmp switch (35 ns; swapcontext makes a system call: 270 ns).
// -DSIM_PORTABLE_SWITCH takes the second way everywhere, so that tests can cover it.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include "runtime.h"
#ifdef SIM_PORTABLE_SWITCH
#include <ucontext.h>
#endif

namespace sim {

#ifndef SIM_PORTABLE_SWITCH

// It ends in pop and jmp, not in ret: the processor predicts that a ret goes back to its caller,
// which is wrong at every switch and was measured three times slower.
asm(R"(
.text
.hidden sim_switch
.globl sim_switch
sim_switch:
  pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
  popq %rcx
  jmp *%rcx
)");

static void prepare(Context& context, char* stack, size_t size, void (*entry)()) {
  void** top = (void**)(stack + size) - 2;  // a function starts with its stack 8 bytes off 16
  *top = (void*)entry;
  context.stack_pointer = top - 6;          // the six registers that the switch restores
}

#else

void switch_context(Context& from, Context& to) {
  if (_setjmp(from.registers) == 0) _longjmp(to.registers, 1);
}

struct Preparing { Context* context; void (*entry)(); ucontext_t home, there; };
static Preparing preparing;

static void begin() {
  void (*entry)() = preparing.entry;
  if (_setjmp(preparing.context->registers) == 0) setcontext(&preparing.home);
  entry();
}

static void prepare(Context& context, char* stack, size_t size, void (*entry)()) {
  preparing.context = &context;
  preparing.entry = entry;
  getcontext(&preparing.there);
  preparing.there.uc_stack.ss_sp = stack;
  preparing.there.uc_stack.ss_size = size;
  preparing.there.uc_link = nullptr;
  makecontext(&preparing.there, begin, 0);
  swapcontext(&preparing.home, &preparing.there);
}

#endif

// The stacks of all fibers, made once per process, for all kernels in turn. Below each lies a page
// that may not be touched: a kernel whose local arrays are too large crashes there, instead of
// overwriting its neighbour.
constexpr size_t STACK = 64 << 10;

static size_t page() {
  static const size_t size = (size_t)sysconf(_SC_PAGESIZE);
  return size;
}

static char* lowest_of(int number) {
  return launch.stacks + size_t(number) * (page() + STACK) + page();
}

static char* make_stacks() {
  size_t all = MAX_THREADS * (page() + STACK);
  void* stacks = mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stacks == MAP_FAILED) return nullptr;
  for (int number = 0; number < MAX_THREADS; ++number)
    mprotect((char*)stacks + size_t(number) * (page() + STACK), page(), PROT_NONE);
  return (char*)stacks;
}

static void begin_fiber(int number, void (*entry)()) {
  // Stacks that all ended at the same offset would compete for the same few cache lines.
  size_t colour = size_t(number) * 192 % 8192;
  prepare(fiber[number], lowest_of(number), STACK - colour, entry);
}

}  // namespace sim
