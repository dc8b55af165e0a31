// Profile mode: what each line asks of the memory, warp by warp.
//
// A GPU serves the 32 lanes of a warp together. Global memory moves in sectors of 32 bytes: 32
// neighbouring floats are 4 sectors, 32 scattered ones are 32. Shared memory has 32 banks, each 4
// bytes wide, and each gives one word per pass: lanes that want different words of one bank wait
// for each other. A pass gives 128 bytes at most, so 8 bytes a lane are served half a warp after the
// other, 16 bytes a lane in quarters.
//
// What the same lanes need at least: sectors for their bytes, each once, packed tight; and a pass for
// each part of the warp that is served together.
#include <algorithm>
#include <map>
#include <vector>

#include "trace.h"

namespace sim {

struct LineCost {            // runtime.py has the same
  uint64_t line, requests, lanes, cost, least;
  int32_t shared, access;
};
static std::map<uint32_t, LineCost> sites;

void forget_counts() {
  sites.clear();
}

// The words or sectors that lanes [from, to) ask for, each once; `width` is the bytes of one.
static std::vector<uint64_t> pieces(const Request& request, uint64_t start, uint64_t width,
                                    int from, int to) {
  std::vector<uint64_t> all;
  for (int l = from; l < to; ++l) {
    if (!(request.lanes >> l & 1)) continue;
    uint64_t address = start + request.offset[l];
    for (uint64_t p = address / width; p <= (address + request.bytes - 1) / width; ++p)
      all.push_back(p);
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

static int served_together(const Request& request) {
  return request.bytes <= 4 ? WARP : request.bytes <= 8 ? WARP / 2 : WARP / 4;
}

static void count_passes(const Request& request, uint64_t start, LineCost& site) {
  for (int from = 0; from < WARP; from += served_together(request)) {
    uint64_t passes[32] = {};  // one word for many lanes is a broadcast: free
    auto words = pieces(request, start, 4, from, from + served_together(request));
    for (uint64_t word : words) ++passes[word % 32];
    site.cost += *std::max_element(passes, passes + 32);
    site.least += !words.empty();
  }
}

void count_request(const Request& request, uint32_t line, const Region& region) {
  LineCost& site = sites[request.pc];
  uint64_t start = (uint64_t)region.address;
  site.line = line;
  site.shared = region.shared;
  site.access = request.access;
  site.lanes += uint64_t(__builtin_popcount(request.lanes));
  site.requests += 1;
  if (region.shared) return count_passes(request, start, site);
  site.cost += pieces(request, start, 32, 0, WARP).size();
  site.least += (pieces(request, start, 1, 0, WARP).size() + 31) / 32;
}

extern "C" __attribute__((visibility("default"))) int sim_profile(LineCost* costs, int room) {
  int count = 0;
  for (auto& site : sites) {
    if (count == room) break;
    costs[count++] = site.second;
  }
  return count;
}

}  // namespace sim
