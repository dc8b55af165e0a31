// What one instruction computes from the bits of its sources: no memory, no other thread.
#pragma once

#include "floats.h"
#include "integers.h"

namespace ptx {

inline double rounded_to_integer(double x, char rounding) {
    switch (rounding) {
        case 'z': return std::trunc(x);
        case 'm': return std::floor(x);
        case 'p': return std::ceil(x);
        default: return std::nearbyint(x);
    }
}

// A whole number as an integer type: clamped to its range, NaN as 0 (as the least of 64 bits).
inline u64 integer_of(double x, Type to) {
    const int width = 8 * size_of(to);
    if (std::isnan(x)) return width == 64 ? u64(1) << 63 : 0;
    const double end = std::ldexp(1.0, is_signed(to) ? width - 1 : width);
    if (x >= end) return is_signed(to) ? (u64(1) << (width - 1)) - 1 : cut(~u64(0), to);
    if (is_signed(to)) return x < -end ? u64(1) << (width - 1) : cut(u64(s64(x)), to);
    return x <= 0 ? 0 : u64(x);
}

inline u64 saturated_integer(s64 x, Type to) {
    const int width = 8 * size_of(to);
    if (width == 64) return u64(x);
    const s64 most = is_signed(to) ? (s64(1) << (width - 1)) - 1 : (s64(1) << width) - 1;
    return cut(u64(std::clamp(x, is_signed(to) ? -most - 1 : 0, most)), to);
}

template <class F>
u64 float_from_integer(const Instruction& i, u64 v) {
    const Rounding rounding(i.rounding);
    volatile s64 whole = extended(v, i.from);
    volatile F y = is_signed(i.from) ? F(whole) : F(u64(whole));
    return bits_of<u64>(F(y));
}

inline u64 converted(const Instruction& i, u64 v) {  // cvt
    if (i.type == F16 || i.from == F16) throw Error("float16 is not known: " + i.text);
    if (!is_float(i.from)) {
        if (i.type == F32) return float_from_integer<float>(i, v);
        if (i.type == F64) return float_from_integer<double>(i, v);
        const s64 x = extended(v, i.from);
        return i.saturates ? saturated_integer(x, i.type) : cut(u64(x), i.type);
    }
    double x = i.from == F32 ? float_of<float>(v, i.flushes) : bits_of<double>(v);
    if (i.to_integer || !is_float(i.type)) x = rounded_to_integer(x, i.rounding);
    if (!is_float(i.type)) return integer_of(x, i.type);
    if (i.type == F64) return bits_of<u64>(x);
    const Rounding rounding(i.to_integer ? 'n' : i.rounding);
    volatile double wide = x;
    volatile float narrow = float(wide);
    float y = flushed(float(narrow), i.flushes);
    if (i.saturates) y = std::isnan(y) ? 0.0f : std::min(1.0f, std::max(0.0f, y));
    return bits_of<u64>(y);
}

template <class T>
bool ordered(Comparison comparison, T a, T b) {
    switch (comparison) {
        case Comparison::EQ: case Comparison::EQU: return a == b;
        case Comparison::NE: case Comparison::NEU: return a != b;
        case Comparison::LT: case Comparison::LTU: return a < b;
        case Comparison::LE: case Comparison::LEU: return a <= b;
        case Comparison::GT: case Comparison::GTU: return a > b;
        default: return a >= b;
    }
}

inline bool compared(const Instruction& i, u64 a, u64 b) {  // setp
    if (!is_float(i.type)) {
        if (is_signed(i.type)) {
            return ordered(i.comparison, sign_extended(a, i.type), sign_extended(b, i.type));
        }
        return ordered(i.comparison, cut(a, i.type), cut(b, i.type));
    }
    const bool single = i.type == F32;
    const double x = single ? float_of<float>(a, i.flushes) : bits_of<double>(a);
    const double y = single ? float_of<float>(b, i.flushes) : bits_of<double>(b);
    const bool unordered = std::isnan(x) || std::isnan(y);
    if (i.comparison == Comparison::NUM) return !unordered;
    if (i.comparison == Comparison::NAN_) return unordered;
    if (unordered) return i.comparison >= Comparison::EQU;
    return ordered(i.comparison, x, y);
}

inline bool tested(const Instruction& i, u64 a) {  // testp
    const double x = i.type == F32 ? double(bits_of<float>(a)) : bits_of<double>(a);
    switch (i.test) {
        case Test::FINITE: return std::isfinite(x);
        case Test::INFINITE: return std::isinf(x);
        case Test::NUMBER: return !std::isnan(x);
        default: return std::isnan(x);
    }
}

inline u64 widened(const Instruction& i, u64 a, u64 b, u64 c) {  // mul.wide, mad.wide
    const u64 product = u64(extended(a, i.type) * extended(b, i.type));
    const u64 result = i.op == Op::MADWIDE ? product + c : product;
    return size_of(i.type) == 2 ? cut(result, B32) : result;
}

// The result of an instruction that only computes.
inline u64 computed(const Instruction& i, u64 a, u64 b, u64 c, u64 e, u32& carry) {
    switch (i.op) {
        case Op::CVT: return converted(i, a);
        case Op::MULWIDE:
        case Op::MADWIDE: return widened(i, a, b, c);
        case Op::SELP: return cut((c & 1) != i.c.is_negated ? a : b, i.type);
        case Op::SLCT:
            return (i.from == F32 ? bits_of<float>(c) >= 0 : sign_extended(c, S32) >= 0) ? a : b;
        case Op::TESTP: return tested(i, a);
        default: break;
    }
    if (i.type == F32) return float_arithmetic<float>(i, a, b, c);
    if (i.type == F64) return float_arithmetic<double>(i, a, b, c);
    return cut(int_arithmetic(i, a, b, c, e, carry), i.type);
}

}  // namespace ptx
