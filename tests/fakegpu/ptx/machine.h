// Runs a kernel: one block after another, and in a block one thread at a time, until it waits.
//
// A thread runs until it ends, reaches a barrier, or reaches an instruction of its warp (a shuffle,
// a vote). When none can run on, the warps whose threads have come together exchange; when there
// are none of those, the barrier opens. Races within a block do not show: the simulator's check
// mode is for those.
#pragma once

#include "arithmetic.h"
#include "sight.h"

namespace ptx {

constexpr long MOST_STEPS = 4000000000;

class Machine : private Sight {
  public:
    using Sight::Sight;

    void run() {
        auto& b = block_;
        for (b[2] = 0; b[2] < launch_.grid[2]; ++b[2]) {
            for (b[1] = 0; b[1] < launch_.grid[1]; ++b[1]) {
                for (b[0] = 0; b[0] < launch_.grid[0]; ++b[0]) run_block();
            }
        }
    }

  private:
    std::vector<Thread> threads_;

    // ------------------------------------------------------------------ a block

    void run_block() {
        const auto& size = launch_.block;
        shared_.assign(dynamic_shared() + launch_.dynamic_shared, 0xCD);
        threads_.resize(size_t(size[0]) * size[1] * size[2]);
        for (u32 i = 0; i < threads_.size(); ++i) begin(threads_[i], i);
        do {
            for (auto& thread : threads_) {
                if (thread.state == Thread::RUNNING) run_thread(thread);
            }
        } while (exchange_in_warps() || open_barrier());
    }

    void begin(Thread& thread, u32 i) {
        const auto& size = launch_.block;
        thread.state = Thread::RUNNING;
        thread.index[0] = i % size[0];
        thread.index[1] = i / size[0] % size[1];
        thread.index[2] = i / size[0] / size[1];
        thread.carry = 0;
        thread.frames.resize(1);
        Frame& f = thread.frames[0];
        f.function = &kernel_;
        f.at = 0;
        f.registers.assign(kernel_.registers.size(), 0xDEADBEEFDEADBEEF);
        f.local.assign(kernel_.local_bytes, 0xCD);
        f.call = nullptr;
    }

    bool open_barrier() {
        bool waits = false;
        for (auto& thread : threads_) {
            if (thread.state == Thread::AT_EXCHANGE) {
                throw Error("a thread waits for others of its warp that never come");
            }
            waits = waits || thread.state == Thread::AT_BARRIER;
        }
        for (auto& thread : threads_) {
            if (waits && thread.state == Thread::AT_BARRIER) go_on(thread);
        }
        return waits;
    }

    static void go_on(Thread& thread) {
        ++thread.frames.back().at;
        thread.state = Thread::RUNNING;
    }

    // ------------------------------------------------------------------ a warp

    bool exchange_in_warps() {
        bool any = false;
        for (size_t first = 0; first < threads_.size(); first += WARP) {
            for (size_t i = first; i < std::min(threads_.size(), first + WARP); ++i) {
                if (threads_[i].state == Thread::AT_EXCHANGE) any = exchange(first, i) || any;
            }
        }
        return any;
    }

    // Let the lanes that thread i names exchange, if all of them are there that have not ended.
    bool exchange(size_t first, size_t i) {
        const Instruction& instruction = threads_[i].instruction();
        const u32 named = u32(value(threads_[i], instruction.e));
        std::array<Thread*, WARP> lanes{};
        for (size_t k = first; k < std::min(threads_.size(), first + WARP); ++k) {
            Thread& thread = threads_[k];
            if (!(named >> (k - first) & 1) || thread.state == Thread::DONE) continue;
            const bool is_here =
                thread.state == Thread::AT_EXCHANGE && &thread.instruction() == &instruction;
            if (!is_here) return false;
            lanes[k - first] = &thread;
        }
        if (instruction.op == Op::SHFL) shuffle(lanes, instruction);
        if (instruction.op == Op::VOTE) vote(lanes, instruction);
        for (Thread* thread : lanes) {
            if (thread) go_on(*thread);
        }
        return true;
    }

    void shuffle(const std::array<Thread*, WARP>& lanes, const Instruction& i) {
        std::array<u64, WARP> offered{};
        for (int lane = 0; lane < WARP; ++lane) {
            if (lanes[lane]) offered[lane] = value(*lanes[lane], i.a);
        }
        for (int lane = 0; lane < WARP; ++lane) {
            if (!lanes[lane]) continue;
            const int by = value(*lanes[lane], i.b) & 31, limits = int(value(*lanes[lane], i.c));
            const int segment = limits >> 8 & 31, clamp = limits & 31;
            const int last = (lane & segment) | (clamp & ~segment), first = lane & segment;
            int from = lane;
            switch (i.shuffle) {
                case Shuffle::UP: from = lane - by; break;
                case Shuffle::DOWN: from = lane + by; break;
                case Shuffle::BFLY: from = lane ^ by; break;
                case Shuffle::IDX: from = first | (by & ~segment); break;
            }
            const bool inside = i.shuffle == Shuffle::UP ? from >= last : from <= last;
            if (!inside) from = lane;
            // What a lane gets from one that is not there is undefined.
            set(*lanes[lane], i.d, lanes[from] ? u32(offered[from]) : 0xBADBAD);
            set(*lanes[lane], i.p, inside);
        }
    }

    void vote(const std::array<Thread*, WARP>& lanes, const Instruction& i) {
        u32 there = 0, yes = 0;
        for (int lane = 0; lane < WARP; ++lane) {
            if (!lanes[lane]) continue;
            there |= 1u << lane;
            yes |= u32((value(*lanes[lane], i.a) & 1) != i.a.is_negated) << lane;
        }
        const std::map<Vote, u64> results = {{Vote::ALL, yes == there},
                                             {Vote::ANY, yes != 0},
                                             {Vote::UNI, yes == there || yes == 0},
                                             {Vote::BALLOT, yes}};
        for (Thread* thread : lanes) {
            if (thread) set(*thread, i.d, results.at(i.vote));
        }
    }

    // ------------------------------------------------------------------ a thread

    void run_thread(Thread& thread) {
        while (thread.state == Thread::RUNNING) {
            Frame& f = thread.frames.back();
            const Instruction& i = f.function->code[f.at];
            if (++steps_ > MOST_STEPS) throw Error("it does not end");
            if (i.predicate >= 0 && bool(f.registers[i.predicate] & 1) == i.skips_if_true) {
                ++f.at;
            } else {
                run_instruction(thread, f, i);
            }
        }
    }

    void run_instruction(Thread& thread, Frame& f, const Instruction& i) {
        switch (i.op) {
            case Op::BRA: f.at = i.target; return;
            case Op::CALL: call(thread, f, i); return;
            case Op::RET:
                if (thread.frames.size() > 1) return give_back(thread);
                [[fallthrough]];
            case Op::EXIT: thread.state = Thread::DONE; return;
            case Op::BAR: thread.state = Thread::AT_BARRIER; return;
            case Op::SHFL:
            case Op::VOTE:
            case Op::BARWARP: thread.state = Thread::AT_EXCHANGE; return;
            case Op::TRAP: throw Error("trap");
            case Op::NOP: break;
            case Op::ACTIVEMASK: set(thread, i.d, 0xFFFFFFFF); break;
            case Op::LD: load(thread, i); break;
            case Op::ST: store(thread, i); break;
            case Op::ATOM: atomic(thread, i); break;
            case Op::MOV: move(thread, i); break;
            case Op::CVTA: convert_address(thread, i); break;
            case Op::SETP: compare(thread, i); break;
            default:
                set(thread, i.d, computed(i, value(thread, i.a), value(thread, i.b),
                                          value(thread, i.c), value(thread, i.e), thread.carry));
        }
        ++f.at;
    }

    void call(Thread& thread, Frame& caller, const Instruction& i) {
        const auto found = m_.functions.find(i.callee);
        if (found == m_.functions.end() || !found->second->is_defined) {
            throw Error("a call of " + i.callee + ", which is not defined");
        }
        const Function& callee = *found->second;
        if (callee.shared_bytes) throw Error(i.callee + " has shared memory, and is no kernel");
        Frame f{&callee, 0, std::vector<u64>(callee.registers.size()), Bytes(callee.local_bytes),
                Bytes(callee.parameter_bytes), &i};
        for (size_t k = 0; k < i.arguments.size(); ++k) {
            const Variable& from = caller.function->variables.at(i.arguments[k]);
            const Parameter& to = callee.parameters.at(k);
            std::memcpy(&f.parameters[to.offset], &caller.local[from.offset], to.size);
        }
        thread.frames.push_back(std::move(f));
    }

    void give_back(Thread& thread) {
        const Frame callee = std::move(thread.frames.back());
        thread.frames.pop_back();
        Frame& caller = thread.frames.back();
        for (size_t k = 0; k < callee.call->results.size(); ++k) {
            const Variable& from = callee.function->variables.at(callee.function->results.at(k));
            const Variable& to = caller.function->variables.at(callee.call->results[k]);
            std::memcpy(&caller.local[to.offset], &callee.local[from.offset], from.size);
        }
        ++caller.at;
    }

    void load(Thread& thread, const Instruction& i) {
        const int size = size_of(i.type), count = std::max<int>(1, i.d.parts.size());
        const auto* from = (const uint8_t*)memory(thread, i, size * count);
        for (int k = 0; k < count; ++k) {
            u64 v = 0;
            std::memcpy(&v, from + k * size, size);
            if (is_signed(i.type)) v = u64(sign_extended(v, i.type));
            set(thread, i.d.kind == Operand::VECTOR ? i.d.parts[k] : i.d, v);
        }
    }

    void store(Thread& thread, const Instruction& i) {
        const int size = size_of(i.type), count = std::max<int>(1, i.b.parts.size());
        auto* to = (uint8_t*)memory(thread, i, size * count);
        for (int k = 0; k < count; ++k) {
            const u64 v = value(thread, i.b.kind == Operand::VECTOR ? i.b.parts[k] : i.b);
            std::memcpy(to + k * size, &v, size);
        }
    }

    void atomic(Thread& thread, const Instruction& i) {
        void* place = memory(thread, i, size_of(i.type));
        u64 before = 0;
        std::memcpy(&before, place, size_of(i.type));
        const u64 given = value(thread, i.b);
        Instruction step = i;  // the same as one that only computes
        u64 after;
        switch (i.atomic) {
            case Atomic::EXCH: after = given; break;
            case Atomic::CAS:
                after = cut(before, i.type) == cut(given, i.type) ? value(thread, i.c) : before;
                break;
            case Atomic::INC:
                after = cut(before, i.type) >= cut(given, i.type) ? 0 : before + 1;
                break;
            default: {
                static const std::map<Atomic, Op> ops = {
                    {Atomic::ADD, Op::ADD}, {Atomic::MIN, Op::MIN}, {Atomic::MAX, Op::MAX},
                    {Atomic::AND, Op::AND}, {Atomic::OR, Op::OR},   {Atomic::XOR, Op::XOR}};
                step.op = ops.at(i.atomic);
                after = computed(step, before, given, 0, 0, thread.carry);
            }
        }
        std::memcpy(place, &after, size_of(i.type));
        set(thread, i.d, before);
    }

    // mov also packs {%r1, %r2} into one register, and unpacks it.
    void move(Thread& thread, const Instruction& i) {
        if (i.d.kind == Operand::VECTOR) {
            const u64 whole = value(thread, i.a);
            const int width = 8 * size_of(i.type) / int(i.d.parts.size());
            for (size_t k = 0; k < i.d.parts.size(); ++k) {
                set(thread, i.d.parts[k], whole >> k * width & ((u64(1) << width) - 1));
            }
        } else if (i.a.kind == Operand::VECTOR) {
            const int width = 8 * size_of(i.type) / int(i.a.parts.size());
            u64 whole = 0;
            for (size_t k = 0; k < i.a.parts.size(); ++k) {
                whole |= (value(thread, i.a.parts[k]) & ((u64(1) << width) - 1)) << k * width;
            }
            set(thread, i.d, whole);
        } else {
            set(thread, i.d, cut(value(thread, i.a), i.type));
        }
    }

    void convert_address(Thread& thread, const Instruction& i) {
        const u64 window =
            i.space == SHARED ? SHARED_WINDOW : i.space == LOCAL ? LOCAL_WINDOW : 0;
        const u64 address = value(thread, i.a);
        set(thread, i.d, i.to_space ? address - window : address + window);
    }

    void compare(Thread& thread, const Instruction& i) {
        bool yes = compared(i, value(thread, i.a), value(thread, i.b)), no = !yes;
        if (i.combine != Combine::NOTHING) {
            const bool other = (value(thread, i.c) & 1) != i.c.is_negated;
            const auto with = [&](bool x) {
                if (i.combine == Combine::AND) return x && other;
                return i.combine == Combine::OR ? x || other : x != other;
            };
            yes = with(yes), no = with(no);
        }
        set(thread, i.d, yes);
        set(thread, i.p, no);
    }
};

}  // namespace ptx
