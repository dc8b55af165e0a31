// Profile mode: the steps of some warps, kept for Python to draw.
#include "trace.h"

namespace sim {

struct Step {                // runtime.py has the same
  uint64_t block;            // from 0
  uint32_t warp, line, lanes;
  int32_t kind;
};
struct Kept {                // runtime.py has the same
  uint64_t step;
  uint32_t lanes;
  int32_t access, region;
  uint32_t bytes;
};
struct Touch { uint64_t offset; Value value; };  // of each lane of each access
struct Wanted { uint64_t first_block, end_block; uint32_t warps, most; };  // runtime.py has the same

static Wanted wanted;
static std::vector<Step> steps;
static std::vector<Kept> accesses;
static std::vector<Touch> touches;
static size_t last[MAX_WARPS];  // the last step of each warp of the block

bool recorded(uint64_t number, int warp) {
  return number >= wanted.first_block && number < wanted.end_block && wanted.warps >> warp & 1 &&
         touches.size() < wanted.most && steps.size() < wanted.most;
}

static bool is_wanted(int warp) { return recorded(block.number - 1, warp); }

void record_line(uint32_t line, unsigned lanes, int warp) {
  if (!is_wanted(warp)) return;
  last[warp] = steps.size();
  steps.push_back({block.number - 1, uint32_t(warp), line, lanes, LINE});
}

void record_kind(StepKind kind, int warp) {
  if (is_wanted(warp)) steps[last[warp]].kind = kind;
}

void record_request(const Request& request, int warp) {
  if (!is_wanted(warp)) return;
  accesses.push_back({last[warp], request.lanes, request.access, int32_t(request.region),
                      request.bytes});
  for (int l = 0; l < WARP; ++l)
    if (request.lanes >> l & 1)
      touches.push_back({request.offset[l], request.value[l] ? *request.value[l] : Value{}});
}

extern "C" {

__attribute__((visibility("default"))) void sim_record(const Wanted* warps) {
  wanted = *warps;
  steps.clear();
  accesses.clear();
  touches.clear();
}

// How many of each there are, and where.
__attribute__((visibility("default")))
void sim_recorded(const void** where, uint64_t* how_many) {
  where[0] = steps.data(), how_many[0] = steps.size();
  where[1] = accesses.data(), how_many[1] = accesses.size();
  where[2] = touches.data(), how_many[2] = touches.size();
}

}  // extern "C"
}  // namespace sim
