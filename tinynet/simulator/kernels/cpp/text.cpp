// The kernel's own text, as the compiler has put it into the library; lines.py reads it out there.
#include <algorithm>
#include <map>

#include "trace.h"

namespace sim {

static std::vector<Function> functions, blocks;
static std::vector<Row> rows;                            // by offset
static std::map<uint32_t, std::vector<Row>> known;       // statements, by the beginning of the block

template <class T> static const Function* around(const T& stretches, uint32_t pc) {
  auto after = std::upper_bound(stretches.begin(), stretches.end(), pc,
                                [](uint32_t pc, const Function& f) { return pc < f.start; });
  if (after == stretches.begin()) return nullptr;
  return pc < (after - 1)->end ? &*(after - 1) : nullptr;
}

bool is_own(uint32_t pc) { return around(functions, pc); }

uint32_t line_at(uint32_t pc) {
  const Function* function = around(functions, pc);
  auto after = std::upper_bound(rows.begin(), rows.end(), pc,
                                [](uint32_t pc, const Row& row) { return pc < row.offset; });
  if (!function || after == rows.begin() || (after - 1)->offset < function->start) return 0;
  return (after - 1)->line;
}

const std::vector<Row>& statements(uint32_t at) {
  static const std::vector<Row> none;
  const Function* block = around(blocks, at);
  if (!block) return none;
  auto kept = known.try_emplace(block->start);
  auto& own = kept.first->second;
  if (!kept.second) return own;
  for (const Row& row : rows)
    if (row.statement && row.offset >= block->start && row.offset < block->end &&
        (own.empty() || own.back().line != row.line))
      own.push_back(row);
#ifdef __clang__  // notes a beginning only where the line changes, as the text stands: not in the
  if (own.empty())  // second block of `if (i < n) return;`, and not at the condition of a loop
    if (uint32_t line = line_at(block->start)) own.push_back({block->start, line, 1});
#endif
  return own;
}

extern "C" __attribute__((visibility("default")))
void sim_text(const Function* f, int n_f, const Function* b, int n_b, const Row* r, int n_r) {
  functions.assign(f, f + n_f);
  blocks.assign(b, b + n_b);
  rows.assign(r, r + n_r);
  known.clear();
}

}  // namespace sim
