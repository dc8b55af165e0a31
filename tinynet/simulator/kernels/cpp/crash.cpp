// A kernel may divide by zero, follow a wild pointer, or wait forever, and the process lives on.
//
// Each of these arrives as a signal. While a kernel runs, the handlers below replace whatever was
// installed before; one that fires notes the instruction and leaps (siglongjmp) out of the kernel,
// from whichever fiber, back to where the launch began. Handlers have a stack of their own, because
// the fiber's may be what has overflowed.
//
// The time limit counts the processor time of the launching thread, so a busy machine does not stop
// a kernel early. The clock is SIGVTALRM, which is sent to the process; any other thread that gets
// it passes it on to the launching one. SIGALRM stays free for others.
#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <pthread.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unwind.h>

#include "runtime.h"

namespace sim {

static sigjmp_buf way_out;
static pthread_t launcher;
static volatile sig_atomic_t in_launch;
static double deadline;
volatile bool busy, late;

static constexpr int CAUGHT[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGVTALRM};
static constexpr int N_CAUGHT = sizeof CAUGHT / sizeof *CAUGHT;
static struct sigaction before[N_CAUGHT];

void abandon_launch() { siglongjmp(way_out, 1); }

static double thread_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

static uintptr_t interrupted_pc(void* context) {
  auto& machine = ((ucontext_t*)context)->uc_mcontext;
#if defined(__linux__) && defined(__x86_64__)
  return (uintptr_t)machine.gregs[REG_RIP];
#elif defined(__linux__) && defined(__aarch64__)
  return (uintptr_t)machine.pc;
#elif defined(__APPLE__) && defined(__aarch64__)
  return (uintptr_t)machine->__ss.__pc;
#elif defined(__APPLE__)
  return (uintptr_t)machine->__ss.__rip;
#else
  (void)machine;
  return 0;  // the message then names the kernel, not the line
#endif
}

// Who waits in step with its warp (lockstep.cpp) is not where the clock has struck.
static uintptr_t where_it_stands(void* context) {
  int line = block.thread[block.current].line;
  if (line >= 0 || !stepping) return interrupted_pc(context);
  auto here = (uintptr_t)&where_it_stands;
  return here - offset_in_library(here) + uint64_t(-line);
}

// The signal may strike in a function that the kernel has called, of cuda.h, of the runtime or of the
// C library. Whose line to tell is found by Python, so its callers are noted too, innermost first.
struct Search {
  uintptr_t pc;      // the interrupted instruction: its callers come after it
  Finding* finding;
  int found;
};

static _Unwind_Reason_Code note_caller(_Unwind_Context* frame, void* state) {
  auto& search = *(Search*)state;
  uintptr_t pc = _Unwind_GetIP(frame);
  if (search.found < 0) {
    if (pc == search.pc) search.found = 0;
    return _URC_NO_REASON;
  }
  search.finding->callers[search.found++] = offset_in_library(pc - 1);
  return search.found < CALLERS ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static volatile sig_atomic_t unwinding;  // a kernel may have overwritten the stack that this reads

static void note_callers(Finding* finding, void* context) {
  Search search = {interrupted_pc(context), finding, -1};
  unwinding = 1;
  _Unwind_Backtrace(note_caller, &search);
  unwinding = 0;
}

static void on_clock(void* context) {
  if (!in_launch || unwinding) return;
  if (!pthread_equal(pthread_self(), launcher)) {
    pthread_kill(launcher, SIGVTALRM);
    return;
  }
  if (thread_seconds() < deadline) return;
  bool told = late;
  late = true;
  if (busy) return;  // watch() or print() ends it
#ifdef SIM_WATCH
  if (!told) return;  // the next access ends it, at a known line; or else the next tick
#else
  (void)told;
#endif
  uintptr_t pc = where_it_stands(context);
  Finding* finding = add_finding(TIME_LIMIT, pc);
  if (finding && pc == interrupted_pc(context)) note_callers(finding, context);
  abandon_launch();
}

static void on_signal(int signal, siginfo_t* info, void* context) {
  if (signal == SIGVTALRM) return on_clock(context);
  if (!in_launch || !pthread_equal(pthread_self(), launcher)) {
    for (int i = 0; i < N_CAUGHT; ++i)  // not ours: restore the handler before, and fault again
      if (CAUGHT[i] == signal) sigaction(signal, &before[i], nullptr);
    return;
  }
  if (unwinding) abandon_launch();
  if (Finding* finding = add_finding(CRASH, interrupted_pc(context))) {
    finding->detail = (uint64_t)signal;
    finding->element = (int64_t)info->si_addr;
    finding->other_access = overflowed_stack((const char*)info->si_addr);
    note_callers(finding, context);
  }
  abandon_launch();
}

static void start_clock(double seconds) {
  deadline = thread_seconds() + seconds;
  double tick = seconds < 1 ? seconds : 1;
  timeval every = {(time_t)tick, (suseconds_t)(1e6 * (tick - double((time_t)tick)))};
  itimerval timer = {every, every};
  setitimer(ITIMER_VIRTUAL, &timer, nullptr);
}

static void stop_clock() {
  itimerval off = {};
  setitimer(ITIMER_VIRTUAL, &off, nullptr);
}

void survive(void (*work)(), double seconds) {
  static char* stack = (char*)malloc(64 << 10);
  stack_t signal_stack = {}, stack_before;
  signal_stack.ss_sp = stack;
  signal_stack.ss_size = 64 << 10;
  sigaltstack(&signal_stack, &stack_before);

  struct sigaction ours = {};
  ours.sa_sigaction = on_signal;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER;  // see `unwinding`
  sigemptyset(&ours.sa_mask);
  for (int i = 0; i < N_CAUGHT; ++i) sigaction(CAUGHT[i], &ours, &before[i]);

  launcher = pthread_self();
  if (sigsetjmp(way_out, 1) == 0) {
    in_launch = 1;
    busy = late = stepping = false;
    unwinding = 0;
    start_clock(seconds);
    work();
  }
  in_launch = 0;
  stop_clock();
  for (int i = 0; i < N_CAUGHT; ++i) {
    // A last tick may still be on its way to another thread, and by default it ends the process.
    if (CAUGHT[i] == SIGVTALRM && before[i].sa_handler == SIG_DFL) before[i].sa_handler = SIG_IGN;
    sigaction(CAUGHT[i], &before[i], nullptr);
  }
  sigaltstack(&stack_before, nullptr);
}

}  // namespace sim
