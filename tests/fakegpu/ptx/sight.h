// What a thread sees: its registers, where it is in the grid, and memory of every kind.
#pragma once

#include <array>
#include <functional>

#include "text.h"

namespace ptx {

struct Frame {  // one call of a function, on one thread
    const Function* function;
    size_t at;  // the instruction to run next
    std::vector<u64> registers;
    Bytes local, parameters;
    const Instruction* call;  // that made it
};

struct Thread {
    enum State { RUNNING, DONE, AT_BARRIER, AT_EXCHANGE } state;
    u32 index[3];
    u32 carry;
    std::vector<Frame> frames;
    const Instruction& instruction() const {
        return frames.back().function->code[frames.back().at];
    }
};

// Generic addresses of shared and local memory lie where no address of the host does. A local one
// says in its bits from 32 on which of the thread's frames it lies in.
constexpr u64 SHARED_WINDOW = u64(1) << 48, LOCAL_WINDOW = u64(1) << 49;
constexpr int WARP = 32;

struct Launch {
    std::array<u32, 3> grid, block;
    Bytes parameters;
    u64 dynamic_shared;
    std::function<void*(u64 address, int bytes)> global;  // nullptr: not to be touched
};

class Sight {
  public:
    Sight(const Module& module, const Function& kernel, const Launch& launch)
        : m_(module), kernel_(kernel), launch_(launch) {}

  protected:
    const Module& m_;
    const Function& kernel_;
    const Launch& launch_;
    u32 block_[3] = {0, 0, 0};  // the one that runs
    Bytes shared_;              // its memory: that of the module, of the kernel, of the launch
    long steps_ = 0;

    u64 function_shared() const { return (m_.shared_bytes + 15) / 16 * 16; }
    u64 dynamic_shared() const { return function_shared() + (kernel_.shared_bytes + 15) / 16 * 16; }

    void set(Thread& thread, const Operand& o, u64 v) {
        if (o.kind == Operand::REGISTER) thread.frames.back().registers[o.number] = v;
    }

    u64 value(const Thread& thread, const Operand& o) const {
        switch (o.kind) {
            case Operand::REGISTER: return thread.frames.back().registers[o.number];
            case Operand::IMMEDIATE: return o.value;
            case Operand::SPECIAL: return special(thread, o.number);
            case Operand::SYMBOL: return address_of(thread, o.variable);
            default: return 0;
        }
    }

    u64 address_of(const Thread& thread, const Variable& v) const {
        if (v.space == LOCAL) return v.offset + (u64(thread.frames.size() - 1) << 32);
        switch (v.start) {
            case OF_FUNCTION: return v.offset + function_shared();
            case DYNAMIC: return v.offset + dynamic_shared();
            default: return v.offset;
        }
    }

    u64 special(const Thread& thread, int number) const {
        const auto &size = launch_.block, &grid = launch_.grid;
        const u32* index = thread.index;
        const u32 linear = index[0] + size[0] * (index[1] + size[1] * index[2]);
        const u32 lane = linear % WARP;
        if (number < 3) return index[number];
        if (number < 6) return size[number - 3];
        if (number < 9) return block_[number - 6];
        if (number < 12) return grid[number - 9];
        const u32 below = (1u << lane) - 1, here = 1u << lane;
        switch (number) {
            case 12: return lane;
            case 13: return linear / WARP;
            case 14: return below;
            case 15: return below | here;
            case 16: return here;
            case 17: return u32(~below);
            case 18: return u32(~(below | here));
            case 21: return WARP;
            default: return u64(steps_);  // the clocks
        }
    }

    // ------------------------------------------------------------------ memory

    // Where `i.a` points, for so many bytes.
    void* memory(Thread& thread, const Instruction& i, int bytes) {
        u64 address = value(thread, i.a);
        if (i.a.kind == Operand::REGISTER) address += i.a.value;
        Space space = i.space;
        if (space == GENERIC) {
            if (address >= LOCAL_WINDOW && address < 2 * LOCAL_WINDOW) {
                space = LOCAL, address -= LOCAL_WINDOW;
            } else if (address >= SHARED_WINDOW && address < 2 * SHARED_WINDOW) {
                space = SHARED, address -= SHARED_WINDOW;
            } else {
                space = GLOBAL;
            }
        }
        if (space != PARAM && address % bytes) throw fault(i, "misaligned", address);
        if (space == GLOBAL || space == CONSTANT) return global(i, address, bytes);
        const u64 offset = space == LOCAL ? address & 0xFFFFFFFF : address;
        Bytes& room = space == SHARED  ? shared_
                      : space == LOCAL ? thread.frames.at(address >> 32).local
                                       : parameters_of(thread);
        if (offset + bytes > room.size()) throw fault(i, "out of bounds", offset);
        return &room[offset];
    }

    Bytes& parameters_of(Thread& thread) {
        if (thread.frames.size() == 1) return const_cast<Bytes&>(launch_.parameters);  // ld only
        return thread.frames.back().parameters;
    }

    void* global(const Instruction& i, u64 address, int bytes) {
        if (void* found = launch_.global(address, bytes)) return found;
        for (auto& data : m_.data) {
            const u64 begin = u64(data->data());
            if (begin <= address && address + bytes <= begin + data->size()) return (void*)address;
        }
        throw fault(i, "out of bounds", address);
    }

    static Error fault(const Instruction& i, const std::string& what, u64 address) {
        char at[32];
        std::snprintf(at, sizeof at, " at %#lx: ", (unsigned long)address);
        return Error(what + at + i.text);
    }
};

}  // namespace ptx
