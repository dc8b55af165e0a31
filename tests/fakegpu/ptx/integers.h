// Arithmetic of integers, of 8 to 64 bits. Results are cut to their width by who asked.
#pragma once

#include <algorithm>
#include <cstdint>

#include "text.h"

namespace ptx {

inline s64 sign_extended(u64 v, Type type) {
    switch (size_of(type)) {
        case 1: return int8_t(v);
        case 2: return int16_t(v);
        case 4: return s32(v);
        default: return s64(v);
    }
}

inline u64 cut(u64 v, Type type) {  // to the type's width
    const int size = size_of(type);
    return size == 8 ? v : v & ((u64(1) << 8 * size) - 1);
}

inline s64 extended(u64 v, Type type) {
    return is_signed(type) ? sign_extended(v, type) : s64(cut(v, type));
}

inline u64 high_half(const Instruction& i, u64 a, u64 b) {
    const int width = 8 * size_of(i.type);
    if (width < 64) return u64(extended(a, i.type) * extended(b, i.type)) >> width;
    if (is_signed(i.type)) return u64((__int128(s64(a)) * s64(b)) >> 64);
    return u64(((unsigned __int128)a * b) >> 64);
}

inline u64 quotient(const Instruction& i, u64 a, u64 b) {
    const s64 x = extended(a, i.type), y = extended(b, i.type);
    if (y == 0) return i.op == Op::DIV ? ~u64(0) : a;
    if (!is_signed(i.type)) return i.op == Op::DIV ? u64(x) / u64(y) : u64(x) % u64(y);
    if (y == -1) return i.op == Op::DIV ? u64(-x) : 0;  // the least number has no opposite
    return u64(i.op == Op::DIV ? x / y : x % y);
}

inline u64 shifted(const Instruction& i, u64 a, u32 by) {
    const u32 width = 8 * size_of(i.type);
    if (i.op == Op::SHL) return by >= width ? 0 : a << by;
    if (is_signed(i.type)) return u64(sign_extended(a, i.type) >> std::min(by, width - 1));
    return by >= width ? 0 : cut(a, i.type) >> by;
}

inline u64 funnel(const Instruction& i, u64 low, u64 high, u32 by) {
    const u64 both = u32(low) | high << 32;
    by = i.clamps ? std::min(by, 32u) : by & 31;
    return u32(i.shifts_right ? both >> by : by == 0 ? both >> 32 : both >> (32 - by));
}

inline u64 field(const Instruction& i, u64 a, u32 position, u32 length) {  // bfe
    const u32 width = 8 * size_of(i.type);
    position &= 255, length &= 255;
    u64 bits = 0;
    const u32 last = std::min(position + length - 1, width - 1);
    const bool sign = is_signed(i.type) && length && (cut(a, i.type) >> last & 1);
    for (u32 k = 0; k < width; ++k) {
        const bool inside = k < length && position + k < width;
        const bool bit = inside ? a >> (position + k) & 1 : sign;
        bits |= u64(bit) << k;
    }
    return bits;
}

inline u64 with_field(const Instruction& i, u64 a, u64 into, u32 position, u32 length) {  // bfi
    position &= 255, length &= 255;
    for (u32 k = 0; k < length && position + k < u32(8 * size_of(i.type)); ++k) {
        into &= ~(u64(1) << (position + k));
        into |= (a >> k & 1) << (position + k);
    }
    return into;
}

inline u64 permuted(u64 a, u64 b, u32 choice) {  // prmt: four of eight bytes
    const u64 both = u32(a) | b << 32;
    u32 result = 0;
    for (int k = 0; k < 4; ++k) {
        const u32 nibble = choice >> 4 * k & 15;
        u32 byte = both >> 8 * (nibble & 7) & 255;
        if (nibble & 8) byte = byte & 128 ? 255 : 0;
        result |= byte << 8 * k;
    }
    return result;
}

inline u64 by_table(u32 a, u32 b, u32 c, u32 table) {  // lop3: any function of three bits
    u32 result = 0;
    for (int k = 0; k < 32; ++k) {
        const u32 row = (a >> k & 1) << 2 | (b >> k & 1) << 1 | (c >> k & 1);
        result |= (table >> row & 1) << k;
    }
    return result;
}

inline u64 highest_bit(const Instruction& i, u64 a) {
    if (is_signed(i.type) && sign_extended(a, i.type) < 0) a = ~a;
    a = cut(a, i.type);
    return a ? 63 - __builtin_clzll(a) : 0xFFFFFFFFu;
}

inline u64 reversed(const Instruction& i, u64 a) {
    u64 result = 0;
    const int width = 8 * size_of(i.type);
    for (int k = 0; k < width; ++k) result |= (a >> k & 1) << (width - 1 - k);
    return result;
}

inline u64 saturated_sum(u64 a, u64 b, bool subtracts) {
    const s64 x = sign_extended(a, S32), y = sign_extended(b, S32);
    return u64(std::clamp<s64>(subtracts ? x - y : x + y, INT32_MIN, INT32_MAX));
}

// A sum that leaves a carry; `carry` is that of the sum before it, which only addc adds.
inline u64 sum_with_carry(const Instruction& i, u64 a, u64 b, u32& carry) {
    const unsigned __int128 sum =
        (unsigned __int128)cut(a, i.type) + cut(b, i.type) + (i.op == Op::ADDC ? carry : 0);
    if (i.carries) carry = u32(sum >> 8 * size_of(i.type) & 1);
    return u64(sum);
}

inline u64 int_arithmetic(const Instruction& i, u64 a, u64 b, u64 c, u64 e, u32& carry) {
    const Type t = i.type;
    const bool most = i.op == Op::MAX;
    switch (i.op) {
        case Op::ADD:
        case Op::ADDC:
            return i.saturates ? saturated_sum(a, b, false) : sum_with_carry(i, a, b, carry);
        case Op::SUB: return i.saturates ? saturated_sum(a, b, true) : a - b;
        case Op::MUL: return a * b;
        case Op::MAD: return a * b + c;
        case Op::MULHI: return high_half(i, a, b);
        case Op::MADHI: return high_half(i, a, b) + c;
        case Op::DIV:
        case Op::REM: return quotient(i, a, b);
        case Op::MIN:
        case Op::MAX:
            if (is_signed(t)) return (sign_extended(a, t) < sign_extended(b, t)) == most ? b : a;
            return (cut(a, t) < cut(b, t)) == most ? b : a;
        case Op::NEG: return -a;
        case Op::ABS: return u64(std::abs(sign_extended(a, t)));
        case Op::NOT: return t == PRED ? !(a & 1) : ~a;
        case Op::CNOT: return cut(a, t) == 0;
        case Op::AND: return a & b;
        case Op::OR: return a | b;
        case Op::XOR: return a ^ b;
        case Op::SHL:
        case Op::SHR: return shifted(i, a, u32(b));
        case Op::SHF: return funnel(i, a, b, u32(c));
        case Op::BFE: return field(i, a, u32(b), u32(c));
        case Op::BFI: return with_field(i, a, b, u32(c), u32(e));
        case Op::PRMT: return permuted(a, b, u32(c));
        case Op::LOP3: return by_table(u32(a), u32(b), u32(c), u32(e));
        case Op::POPC: return __builtin_popcountll(cut(a, t));
        case Op::CLZ:
            return cut(a, t) ? __builtin_clzll(cut(a, t)) - (64 - 8 * size_of(t)) : 8 * size_of(t);
        case Op::BREV: return reversed(i, a);
        case Op::BFIND: return highest_bit(i, a);
        default: throw Error("not of integers: " + i.text);
    }
}

}  // namespace ptx
