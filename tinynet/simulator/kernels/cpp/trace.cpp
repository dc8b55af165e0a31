// Profile mode: the threads of a warp, which ran here one after the other, are put side by side.
//
// The kernel is compiled with -fsanitize-coverage=trace-pc as well, which makes the compiler call a
// function at the beginning of every basic block, so of every stretch of code with one way through.
// So each thread leaves a trace: the blocks it has run, and between them its loads and stores. From
// the traces of its 32 lanes a warp's run is put together as a GPU would have run it: reconverge.h
// says which lanes go on. steps.cpp makes lines of it, profile.cpp counts, record.cpp keeps.
#include <cstring>
#include <unordered_map>

#include "reconverge.h"
#include "trace.h"

namespace sim {

struct Event {
  uint32_t place;    // BLOCK: a number of `places`; else the instruction's offset in the library
  uint8_t region;
  uint8_t kind;      // BLOCK, or of the access
  uint16_t bytes;
  uint64_t offset;   // in the region
};
constexpr uint8_t BLOCK = 255;
constexpr size_t MOST_EVENTS = 1 << 24;  // a quarter of a gigabyte

static std::vector<Event> trace[MAX_THREADS];
static std::vector<Value> values[MAX_THREADS];  // of the accesses, while they are recorded
static size_t n_events;
static const Region* regions;
static uintptr_t library;                       // where it begins

// ------------------------------------------------------------ places

// A block counts as another one for each way to call its function, as if all were inlined. Way 0 is
// outside the kernel, which is called from there.
static std::vector<Place> places;
static std::unordered_map<uint64_t, uint32_t> place_of, way_of;
struct Way { uint32_t caller, call; };          // call: where it returns to
static std::vector<Way> ways{{0, 0}};
static uint32_t way[MAX_THREADS], code[MAX_THREADS];  // code: in which block each thread is
static Order order;

static uint32_t place(uint32_t way, PlaceKind kind, uint32_t at) {
  uint64_t key = uint64_t(way) << 35 | uint64_t(kind) << 32 | at;
  auto known = place_of.try_emplace(key, uint32_t(places.size()));
  if (known.second) places.push_back({kind, at});
  return known.first->second;
}

static uint32_t way_into(uint32_t from, uint32_t call) {
  auto known = way_of.try_emplace(uint64_t(from) << 32 | call, uint32_t(ways.size()));
  if (known.second) ways.push_back({from, call});
  return known.first->second;
}

// What functions outside the kernel's own file do, such as those of cuda.h that have not been
// inlined, is done by the line that called them.
static uint32_t in_own(uint32_t pc, uint32_t way) {
  while (way && !is_own(pc)) pc = ways[way].call - 1, way = ways[way].caller;
  return pc;
}

static void add(int thread, const Event& event) {
  trace[thread].push_back(event);
  if (++n_events < MOST_EVENTS) return;
  add_finding(TOO_LONG, library + (event.kind == BLOCK ? places[event.place].at : event.place));
  abandon_launch();
}

static void begin(int thread, PlaceKind kind, uint32_t at) {
  if (way[thread]) add(thread, {place(way[thread], kind, at), 0, BLOCK, 0, 0});
}

// ------------------------------------------------------------ values, while they are recorded

// What a store leaves is seen at the next write, which is told of before anyone else could store. Not
// at the next access: a copy of a structure tells of its write and its read, and only then stores.
static std::vector<Value>* unsettled;  // whose last one it was
static size_t unsettled_at;
static const char* stored_at;
static size_t stored_bytes;

static void settle() {
  if (unsettled) memcpy((*unsettled)[unsettled_at].bytes, stored_at, stored_bytes);
  unsettled = nullptr;
}

void on_access(int region, uint64_t offset, size_t bytes, Access access, uintptr_t pc) {
  if (access != READ) settle();
  int t = block.current;
  uint32_t at = in_own(uint32_t(pc - library), way[t]);
  add(t, {at, uint8_t(region), uint8_t(access), uint16_t(bytes), offset});
  if (!recorded(block.number - 1, t / WARP)) return;
  values[t].push_back({});
  const char* address = regions[region].address + offset;
  size_t kept = bytes < sizeof(Value) ? bytes : sizeof(Value);
  if (access == READ) {
    memcpy(values[t].back().bytes, address, kept);
    return;
  }
  unsettled = &values[t], unsettled_at = values[t].size() - 1;
  stored_at = address, stored_bytes = kept;
}

// ------------------------------------------------------------ a warp's run, put together

struct Lane { const Event *at, *end; const Value* value; };

static void run_together(const Lane* first, unsigned active, int warp) {
  // Lanes that run one block make the same accesses, so the next of each belong together.
  Lane* lane = const_cast<Lane*>(first);
  for (;;) {
    Request request = {};
    for (int l = 0; l < WARP; ++l) {
      if (!(active >> l & 1) || lane[l].at == lane[l].end || lane[l].at->kind == BLOCK) continue;
      const Event& event = *lane[l].at;
      if (!request.lanes) {
        request.pc = event.place;
        request.region = event.region;
        request.access = Access(event.kind);
        request.bytes = event.bytes;
      } else if (event.place != request.pc) {
        continue;
      }
      request.lanes |= 1u << l;
      request.offset[l] = event.offset;
      request.value[l] = lane[l].value;
      if (lane[l].value) ++lane[l].value;
      ++lane[l].at;
    }
    if (!request.lanes) return;
    count_request(request, step_to(request, warp), regions[request.region]);
    record_request(request, warp);
  }
}

static void put_together(int warp) {
  Lane lane[WARP] = {};
  for (int l = 0; l < WARP; ++l) {
    const auto& events = trace[warp * WARP + l];
    const Value* value = values[warp * WARP + l].data();
    lane[l] = {events.data(), events.data() + events.size(), value};
    const Event* before = nullptr;
    for (const Event& event : events) {
      if (event.kind != BLOCK) continue;
      if (before) order.add(int(before->place), int(event.place), places[event.place].at);
      before = &event;
    }
  }
  for (;;) {
    int earliest = -1;
    for (const Lane& l : lane)
      if (l.at < l.end && (earliest < 0 || order.of(int(l.at->place)) < order.of(earliest)))
        earliest = int(l.at->place);
    if (earliest < 0) return finish_warp(warp);
    Place here = places[earliest];
    uint32_t in_block = here.at;
    unsigned active = 0;
    for (int l = 0; l < WARP; ++l) {
      if (lane[l].at == lane[l].end || int(lane[l].at->place) != earliest) continue;
      active |= 1u << l;
      ++lane[l].at;
      uint32_t& last = code[warp * WARP + l];
      if (here.kind <= RETURN) last = here.at;
      in_block = last;
    }
    step_to(here, active, warp);
    run_together(lane, active, warp);
    int next[WARP], n_next = 0;      // where the lanes go from here; a thread may also end
    for (int l = 0; l < WARP; ++l) {
      if (!(active >> l & 1)) continue;
      int to = lane[l].at == lane[l].end ? -1 : int(lane[l].at->place);
      if (std::find(next, next + n_next, to) == next + n_next) next[n_next++] = to;
    }
    step_from(earliest, in_block, next, n_next);
  }
}

static void put_together_and_forget(int warp) {
  settle();
  put_together(warp);
  for (int t = warp * WARP; t < (warp + 1) * WARP; ++t) {
    n_events -= trace[t].size();
    trace[t].clear();
    values[t].clear();
  }
}

static void put_all_together() {
  for (int warp = 0; warp * WARP < block.threads; ++warp) put_together_and_forget(warp);
}

// ------------------------------------------------------------ what the scheduler tells

void on_launch(const Region* wanted, int) {
  library = (uintptr_t)&on_launch - offset_in_library((uintptr_t)&on_launch);
  regions = wanted;
  memset(way, 0, sizeof way);
  for (auto& events : trace) events.clear();
  for (auto& kept : values) kept.clear();
  n_events = 0;
  unsettled = nullptr;
  forget_counts();
  forget_steps();
}

// As watch() does: no leap from where a lock of the C library may be held, but after it.
struct Hook {
  uintptr_t pc;
  explicit Hook(uintptr_t pc) : pc(pc) { busy = true; }
  ~Hook() {
    busy = false;
    if (!late) return;
    add_finding(TIME_LIMIT, pc);
    abandon_launch();
  }
};

void on_launch_end() {
  if (n_events) put_all_together();  // it was abandoned: what has been run until then
}

void on_warp_release(int thread) {
  Hook hook(0);
  begin(thread, WARP_WIDE, uint32_t(block.thread[thread].line));
}

static uint32_t last_place(int thread) {
  const auto& events = trace[thread];
  auto last = std::find_if(events.rbegin(), events.rend(), [](auto& e) { return e.kind == BLOCK; });
  return last == events.rend() ? 0 : last->place;
}

void on_warp_end() {
  if (block.started % WARP && block.started < block.threads) return;
  int warp = (block.started - 1) / WARP;
  for (int t = warp * WARP; t < block.started; ++t)
    if (block.state[t] != NOT_WAITING) return;
  Hook hook(0);
  put_together_and_forget(warp);
}

void on_barrier_release() {
  Hook hook(0);
  uint32_t last[MAX_THREADS];
  for (int t = 0; t < block.threads; ++t) last[t] = last_place(t);
  put_all_together();
  for (int t = 0; t < block.threads; ++t) {
    if (block.state[t] != AT_BARRIER) continue;
    begin(t, BARRIER, uint32_t(block.thread[t].line));
    order.add(int(last[t]), int(last_place(t)), 0);
  }
}

void on_block_end() {
  Hook hook(0);
  put_all_together();
  memset(way, 0, sizeof way);
  forget_warps();
}

extern "C" {

void __sanitizer_cov_trace_pc() {
  Hook hook((uintptr_t)__builtin_return_address(0) - 1);
  settle();
  uint32_t at = uint32_t(hook.pc - library);
  if (is_own(at)) begin(block.current, CODE, at);
}

void __tsan_func_entry(void* call) {
  if (!block.number) return;  // while the library is loaded, nothing here is ready
  Hook hook((uintptr_t)__builtin_return_address(0) - 1);
  settle();
  uint32_t at = uint32_t((uintptr_t)call - library);
  bool into_own = is_own(uint32_t(hook.pc - library));
  if (!way[block.current] && !into_own) return;  // on the way to the kernel
  if (into_own) begin(block.current, CALL, at);
  way[block.current] = way_into(way[block.current], at);
}

void __tsan_func_exit() {
  if (!block.number) return;
  Hook hook((uintptr_t)__builtin_return_address(0) - 1);
  settle();
  if (!way[block.current]) return;
  Way left = ways[way[block.current]];
  way[block.current] = left.caller;
  if (is_own(uint32_t(hook.pc - library))) begin(block.current, RETURN, left.call);
}

}  // extern "C"
}  // namespace sim
