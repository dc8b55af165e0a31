// What trace.cpp finds out about the run of each warp, and whom it tells.
#pragma once
#include <vector>

#include "runtime.h"

namespace sim {

// ------------------------------------------------------------ text.cpp: the kernel's own text

struct Function { uint32_t start, end; };                // offsets in the library, as all below
struct Row { uint32_t offset, line, statement; };        // statement: one begins here

bool is_own(uint32_t pc);                                // in a function of the kernel's own file
uint32_t line_at(uint32_t pc);                           // 0 if nothing is known
const std::vector<Row>& statements(uint32_t block);      // of the basic block that `block` lies in

// ------------------------------------------------------------ trace.cpp: where the lanes are

enum PlaceKind : int32_t { CODE, CALL, RETURN, WARP_WIDE, BARRIER };

// Where lanes can be together: at a basic block, at a call and back from it, at a warp-wide
// operation or past a barrier. `at` is an offset, or the line of a WARP_WIDE or BARRIER.
struct Place { PlaceKind kind; uint32_t at; };

struct Value { uint8_t bytes[16]; };

// One instruction's loads or stores, of all lanes that run it together.
struct Request {
  uint32_t pc, lanes;        // lanes: one bit for each
  Access access;
  uint32_t region, bytes;    // bytes: for each lane
  uint64_t offset[WARP];     // in the region
  const Value* value[WARP];  // what was loaded or stored, if that is recorded
};

// ------------------------------------------------------------ steps.cpp: line by line

void forget_steps();
void forget_warps();         // another block begins
void step_to(const Place& place, unsigned lanes, int warp);
uint32_t step_to(const Request& request, int warp);      // the line where it is made
void finish_warp(int warp);
// Where the lanes went from a place, and the line of the basic block's last statement.
void step_from(int place, uint32_t block, const int* next, int ways);

// ------------------------------------------------------------ profile.cpp counts, record.cpp keeps

void forget_counts();
void count_request(const Request& request, uint32_t line, const Region& region);

enum StepKind : int32_t { LINE, AT_WARP_WIDE, AT_THE_BARRIER };
bool recorded(uint64_t block, int warp);
void record_line(uint32_t line, unsigned lanes, int warp);
void record_kind(StepKind kind, int warp);               // of the line recorded last
void record_request(const Request& request, int warp);

}  // namespace sim
