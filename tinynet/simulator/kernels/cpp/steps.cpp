// Profile mode: a warp's run, line by line.
//
// A basic block runs all of its statements, each of which begins on a line. A step is a line that
// some lanes run together, with all that they load and store there. Statements that follow each
// other on one line are one step, unless a loop has come round again.
#include <map>
#include <set>

#include "trace.h"

namespace sim {

struct LineRuns {            // runtime.py has the same
  uint64_t line, runs, lanes, branches, parted, passes;
};
struct Branch { uint32_t line; std::set<int> targets; uint64_t runs, passes; };

struct BlockRuns { uint64_t at, lanes; };                // runtime.py has the same
static std::map<uint32_t, uint64_t> block_lanes;         // of each basic block, those that ran it
static std::map<uint32_t, LineRuns> lines;
static std::map<int, Branch> branches;                   // by the place where lanes may part

struct Warp {
  std::vector<Row> left;     // statements of the block that are still to run, the next one last
  unsigned lanes;
  uint64_t here;             // the place they came to last...
  unsigned visit;            // ...and a number for that
  uint32_t line;             // the last step's, 0: there is none
  unsigned line_lanes;
  std::map<uint64_t, unsigned> visits;                   // the places that the step is made of
};
static Warp warps[MAX_WARPS];

void forget_steps() {
  block_lanes.clear();
  lines.clear();
  branches.clear();
  forget_warps();
}

void forget_warps() {
  for (Warp& warp : warps) warp = {};
}

// The step at this line goes on, or a new one begins.
static void come_to(uint32_t line, unsigned lanes, int number) {
  Warp& warp = warps[number];
  auto before = warp.visits.find(warp.here);
  bool again = before != warp.visits.end() && before->second != warp.visit;
  if (again || warp.line != line || warp.line_lanes != lanes) {
    warp.line = line;
    warp.line_lanes = lanes;
    warp.visits.clear();
    LineRuns& runs = lines[line];
    runs.runs += 1;
    runs.lanes += uint64_t(__builtin_popcount(lanes));
    record_line(line, lanes, number);
  }
  warp.visits[warp.here] = warp.visit;
}

static void run_next(int number) {
  uint32_t line = warps[number].left.back().line;
  warps[number].left.pop_back();
  come_to(line, warps[number].lanes, number);
}

static void run_until(uint32_t offset, int number) {
  while (!warps[number].left.empty() && warps[number].left.back().offset <= offset)
    run_next(number);
}

static void run_to_line(uint32_t line, int number) {
  bool there = false;
  for (const Row& row : warps[number].left) there |= row.line == line;
  while (there && !warps[number].left.empty()) {
    there = warps[number].left.back().line != line;
    run_next(number);
  }
}

void finish_warp(int number) { run_until(UINT32_MAX, number); }

void step_to(const Place& place, unsigned lanes, int number) {
  Warp& warp = warps[number];
  if (place.kind == CALL) {
    run_until(place.at - 1, number);
    warp.left.clear();
  } else if (place.kind == CODE || place.kind == RETURN) {
    if (place.kind == CODE) block_lanes[place.at] += uint64_t(__builtin_popcount(lanes));
    finish_warp(number);
    const auto& all = statements(place.kind == CODE ? place.at : place.at - 1);
    for (auto row = all.rbegin(); row != all.rend(); ++row)
      if (place.kind == CODE || row->offset >= place.at) warp.left.push_back(*row);
  } else {
    run_to_line(place.at, number);
  }
  warp.lanes = lanes;
  warp.here = uint64_t(place.kind) << 32 | place.at;
  ++warp.visit;
  if (place.kind < WARP_WIDE) return;
  come_to(place.at, lanes, number);
  record_kind(place.kind == BARRIER ? AT_THE_BARRIER : AT_WARP_WIDE, number);
}

uint32_t step_to(const Request& request, int number) {
  run_until(request.pc, number);
  uint32_t line = line_at(request.pc);
  come_to(line, request.lanes, number);
  return line;
}

void step_from(int place, uint32_t block, const int* next, int ways) {
  Branch& branch = branches[place];
  const auto& all = statements(block);
  branch.line = all.empty() ? 0 : all.back().line;
  branch.targets.insert(next, next + ways);
  branch.runs += 1;
  branch.passes += uint64_t(ways);
  if (ways > 1) lines[branch.line].parted += 1;
}

extern "C" __attribute__((visibility("default"))) int sim_line_runs(LineRuns* runs, int room) {
  for (auto& line : lines) line.second.branches = line.second.passes = 0;
  for (auto& [place, branch] : branches) {
    if (branch.targets.size() < 2) continue;
    lines[branch.line].branches += branch.runs;
    lines[branch.line].passes += branch.passes;
  }
  int count = 0;
  for (auto& line : lines) {
    if (count == room) break;
    runs[count] = line.second;
    runs[count++].line = line.first;
  }
  return count;
}

extern "C" __attribute__((visibility("default"))) int sim_block_runs(BlockRuns* runs, int room) {
  int count = 0;
  for (auto& [at, lanes] : block_lanes) {
    if (count == room) break;
    runs[count++] = {at, lanes};
  }
  return count;
}

}  // namespace sim
