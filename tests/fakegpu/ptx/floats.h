// Arithmetic of float32 and float64, with .ftz, .sat and the four ways to round.
#pragma once

#include <algorithm>
#include <cfenv>
#include <cmath>

#include "text.h"

namespace ptx {

// While it lives, the CPU rounds as the instruction says. What is computed under it is volatile,
// or the compiler would move it out.
class Rounding {
  public:
    explicit Rounding(char to) : changes_(to != 'n') {
        if (!changes_) return;
        before_ = std::fegetround();
        std::fesetround(to == 'z' ? FE_TOWARDZERO : to == 'm' ? FE_DOWNWARD : FE_UPWARD);
    }
    ~Rounding() {
        if (changes_) std::fesetround(before_);
    }

  private:
    bool changes_;
    int before_ = 0;
};

inline float flushed(float x, bool flushes) {
    return flushes && std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x;
}
inline double flushed(double x, bool) { return x; }  // .ftz is of float32 alone

template <class F>
F float_of(u64 bits, bool flushes) {
    return flushed(bits_of<F>(bits), flushes);
}

template <class F>
F least_or_most(F a, F b, bool most, bool keeps_nan) {
    if (std::isnan(a) || std::isnan(b)) {
        if (keeps_nan || (std::isnan(a) && std::isnan(b))) return F(NAN);
        return std::isnan(a) ? b : a;
    }
    if (a == b) return std::signbit(a) == most ? b : a;  // -0 is less than +0
    return most ? std::max(a, b) : std::min(a, b);
}

template <class F>
u64 float_arithmetic(const Instruction& i, u64 a_bits, u64 b_bits, u64 c_bits) {
    const Rounding rounding(i.rounding);
    volatile F va = float_of<F>(a_bits, i.flushes), vb = float_of<F>(b_bits, i.flushes);
    volatile F vc = float_of<F>(c_bits, i.flushes), result;
    const F a = va, b = vb, c = vc;
    switch (i.op) {
        case Op::ADD: result = va + vb; break;
        case Op::SUB: result = va - vb; break;
        case Op::MUL: result = va * vb; break;
        case Op::DIV: result = va / vb; break;
        case Op::FMA: result = std::fma(a, b, c); break;
        case Op::MIN: result = least_or_most(a, b, false, i.keeps_nan); break;
        case Op::MAX: result = least_or_most(a, b, true, i.keeps_nan); break;
        case Op::NEG: result = -a; break;
        case Op::ABS: result = std::fabs(a); break;
        case Op::COPYSIGN: result = std::copysign(b, a); break;
        case Op::EX2: result = std::exp2(a); break;
        case Op::LG2: result = std::log2(a); break;
        case Op::SIN: result = std::sin(a); break;
        case Op::COS: result = std::cos(a); break;
        case Op::TANH: result = std::tanh(a); break;
        case Op::SQRT: result = std::sqrt(a); break;
        case Op::RCP: result = F(1) / va; break;
        case Op::RSQRT: result = F(1) / std::sqrt(a); break;
        default: throw Error("not of floats: " + i.text);
    }
    F y = flushed(F(result), i.flushes);
    if (i.saturates) y = std::isnan(y) ? F(0) : std::min(F(1), std::max(F(0), y));
    u64 bits = bits_of<u64>(y);
    // With .ftz, in float64, these are first guesses, of which a GPU gives the upper half.
    const bool is_guess = (i.op == Op::RSQRT || i.op == Op::RCP) && i.flushes;
    if (i.type == F64 && is_guess) bits &= 0xFFFFFFFF00000000u;
    return bits;
}

}  // namespace ptx
