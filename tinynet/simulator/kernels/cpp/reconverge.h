// In what order do the parts of a warp run, once a branch has parted its lanes?
//
// A GPU runs the lanes of a warp in one step as long as they are at one place. Where a branch parts
// them, one part waits for the other where the ways meet again. So the places (basic blocks) are put
// into an order in which every place comes before those it leads to, and all of a loop before what
// follows it; the lanes that are at the earliest place go on, and all others wait. In this order a
// lane never passes a place where it could still meet another.
//
// The order is Bourdoncle's weak topological order (1993) of the places and steps seen so far.
#pragma once
#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace sim {

class Order {
 public:
  // A step from one place to another has been seen. Of two ways to go on, the one whose code stands
  // first comes first.
  void add(int from, int to, uint32_t code) {
    if (int(next.size()) <= std::max(from, to)) next.resize(size_t(std::max(from, to)) + 1);
    std::pair<uint32_t, int> step{code, to};
    auto& known = next[from];
    auto at = std::lower_bound(known.begin(), known.end(), step, std::greater<>());
    if (at != known.end() && *at == step) return;
    known.insert(at, step);
    stale = true;
  }

  // Which of all places it is, the first one being 0.
  int of(int place) {
    if (stale || place >= int(rank.size())) arrange_all(place);
    return rank[place];
  }

 private:
  std::vector<std::vector<std::pair<uint32_t, int>>> next;  // the last in the code first
  std::vector<int> rank;
  bool stale = false;

  // Of Tarjan's search for strongly connected components: loops are what is strongly connected.
  std::vector<int> found, lowest, stack;  // found: when a place was reached; 0 not yet, -1 left out
  int clock = 0;
  using Component = std::vector<int>;     // its places as they were found, where it is entered first

  void arrange_all(int place) {
    if (int(next.size()) <= place) next.resize(size_t(place) + 1);
    rank.assign(next.size(), 0);
    std::vector<int> all(next.size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = int(i);
    int first = 0;
    found.assign(next.size(), -1);
    lowest.assign(next.size(), 0);
    arrange(all, first);
    stale = false;
  }

  // Number these places from `first` on: components one after the other, of each where it is
  // entered and then the rest, arranged in the same way without that entry.
  void arrange(const std::vector<int>& places, int& first) {
    for (int place : places) found[place] = 0;
    std::vector<Component> components;  // those that lead to others come after them
    for (int place : places)
      if (!found[place]) search(place, components);
    for (int place : places) found[place] = -1;
    for (auto component = components.rbegin(); component != components.rend(); ++component) {
      rank[component->front()] = first++;
      component->erase(component->begin());
      if (!component->empty()) arrange(*component, first);
    }
  }

  void search(int place, std::vector<Component>& components) {
    found[place] = lowest[place] = ++clock;
    stack.push_back(place);
    for (auto [code, to] : next[place]) {
      if (found[to] == -1) continue;
      if (!found[to]) search(to, components);
      lowest[place] = std::min(lowest[place], lowest[to]);
    }
    if (lowest[place] != found[place]) return;
    auto begin = std::find(stack.begin(), stack.end(), place);
    components.emplace_back(begin, stack.end());
    for (int member : components.back()) lowest[member] = 1 << 30;  // belongs to no other
    stack.erase(begin, stack.end());
  }
};

}  // namespace sim
