// Profile mode: what each line asks of the memory, warp by warp.
//
// A GPU serves the 32 lanes of a warp together. Global memory moves in sectors of 32 bytes: 32
// neighbouring floats are 4 sectors, 32 scattered ones are 32. Shared memory has 32 banks, each 4
// bytes wide, and each gives one word per pass: lanes that want different words of one bank wait
// for each other. So the addresses that the lanes of a warp ask for are collected by instruction,
// the k-th execution of one lane with the k-th of the others, and sectors or passes are counted.
#include <algorithm>
#include <map>
#include <vector>

#include "runtime.h"

namespace sim {

struct LineCost {            // library.py has the same
  uint64_t pc, requests, lanes, cost;
  int32_t shared, access;
};

struct Site {
  LineCost total = {};
  uint64_t block = 0;
  int warp = -1;
  unsigned executed[WARP] = {};                   // by each lane, since the warp came here
  std::vector<std::vector<uint64_t>> requests;    // for each execution: words or sectors asked for
};

static std::map<uintptr_t, Site> sites;
static const Region* regions;

static uint64_t distinct(std::vector<uint64_t>& numbers) {
  std::sort(numbers.begin(), numbers.end());
  return uint64_t(std::unique(numbers.begin(), numbers.end()) - numbers.begin());
}

static uint64_t bank_passes(std::vector<uint64_t>& words) {
  words.resize(distinct(words));                  // one word for many lanes is a broadcast: free
  uint64_t passes[32] = {};
  for (uint64_t word : words) ++passes[word % 32];
  return *std::max_element(passes, passes + 32);
}

static void settle(Site& site) {
  for (auto& request : site.requests) {
    ++site.total.requests;
    site.total.cost += site.total.shared ? bank_passes(request) : distinct(request);
  }
  site.requests.clear();
  std::fill(site.executed, site.executed + WARP, 0u);
}

void on_access(int region, uint64_t offset, size_t bytes, Access access, uintptr_t pc) {
  Site& site = sites[pc];
  int warp = block.current / WARP, lane = block.current % WARP;
  if (site.block != block.number || site.warp != warp) {
    settle(site);
    site.block = block.number;
    site.warp = warp;
  }
  site.total.shared = regions[region].shared;
  site.total.access = access;
  ++site.total.lanes;
  unsigned k = site.executed[lane]++;
  if (site.requests.size() <= k) site.requests.resize(k + 1);
  uint64_t address = (uint64_t)regions[region].address + offset, width = site.total.shared ? 4 : 32;
  for (uint64_t piece = address / width; piece <= (address + bytes - 1) / width; ++piece)
    site.requests[k].push_back(piece);
}

void on_launch(const Region* wanted, int) {
  regions = wanted;
  sites.clear();
}

extern "C" __attribute__((visibility("default"))) int sim_profile(LineCost* costs, int room) {
  int count = 0;
  for (auto& entry : sites) {
    settle(entry.second);
    if (count == room) break;
    costs[count] = entry.second.total;
    costs[count++].pc = offset_in_library(entry.first);
  }
  return count;
}

}  // namespace sim
