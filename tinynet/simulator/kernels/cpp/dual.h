// Dual numbers: a value and a slope. A kernel that computes with them computes its own derivative.
//
// A dual number a + a'e is a number a on the move: e is positive and so small that e*e is 0. Then
//
//     (a + a'e) + (b + b'e) = (a + b) + (a' + b')e
//     (a + a'e) * (b + b'e) =   ab    + (a'b + ab')e        the product rule falls out by itself,
//     f(a + a'e)            =  f(a)   + f'(a) a' e          and for the rest it is the chain rule.
//
// Compile a .cu text with -DREAL=Dual and hand it x + v e, a direction v in the slopes. All that it
// computes then carries how fast it changes as x moves along v: with no step size, and exact but
// for the rounding of each operation. The values are, to the bit, those of REAL=double.
//
// Order. Of two duals of one value the one with the larger slope is the larger, since e is positive.
// So at a kink a kernel goes the way it would go a little further along v, and what comes out is the
// slope on that side. Run it along -v for the other side.
//
// What is not written here does not compile. So no function drops a slope in silence.
#pragma once
#include <math.h>

#include "runtime.h"

namespace sim {

#define SIM_DUAL friend __forceinline__

struct Dual {
  double value, slope;

  Dual() = default;  // holds nothing, like a float
  constexpr Dual(double value, double slope = 0) : value(value), slope(slope) {}
  // One number after the other: a copy as a whole would be a call of memmove, which nobody watches.
  __forceinline__ Dual(const Dual& other) : value(other.value), slope(other.slope) {}
  __forceinline__ Dual& operator=(const Dual& other) {
    value = other.value;
    slope = other.slope;
    return *this;
  }

  SIM_DUAL Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.slope + b.slope}; }
  SIM_DUAL Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.slope - b.slope}; }
  SIM_DUAL Dual operator-(Dual a) { return {-a.value, -a.slope}; }
  SIM_DUAL Dual operator*(Dual a, Dual b) {
    return {a.value * b.value, a.slope * b.value + a.value * b.slope};
  }
  SIM_DUAL Dual operator/(Dual a, Dual b) {
    const double quotient = a.value / b.value;
    return {quotient, (a.slope - quotient * b.slope) / b.value};
  }
  SIM_DUAL Dual& operator+=(Dual& a, Dual b) { return a = a + b; }
  SIM_DUAL Dual& operator-=(Dual& a, Dual b) { return a = a - b; }
  SIM_DUAL Dual& operator*=(Dual& a, Dual b) { return a = a * b; }
  SIM_DUAL Dual& operator/=(Dual& a, Dual b) { return a = a / b; }

  SIM_DUAL bool operator==(Dual a, Dual b) { return a.value == b.value && a.slope == b.slope; }
  SIM_DUAL bool operator!=(Dual a, Dual b) { return !(a == b); }  // a NaN is not itself
  SIM_DUAL bool operator<(Dual a, Dual b) {
    return a.value < b.value || (a.value == b.value && a.slope < b.slope);
  }
  SIM_DUAL bool operator>(Dual a, Dual b) { return b < a; }
  SIM_DUAL bool operator<=(Dual a, Dual b) { return a < b || a == b; }
  SIM_DUAL bool operator>=(Dual a, Dual b) { return b <= a; }
  SIM_DUAL Dual fmax(Dual a, Dual b) { return a > b || isnan(b.value) ? a : b; }

  SIM_DUAL Dual exp(Dual a) {
    const double power = ::exp(a.value);
    return {power, power * a.slope};
  }
  SIM_DUAL Dual log1p(Dual a) { return {::log1p(a.value), a.slope / (1 + a.value)}; }
  SIM_DUAL Dual tanh(Dual a) {  // 1/cosh^2, where 1 - tanh^2 would lose the digits of large a
    const double cosh = ::cosh(a.value);
    return {::tanh(a.value), a.slope / (cosh * cosh)};
  }
  SIM_DUAL Dual sqrt(Dual a) {
    const double root = ::sqrt(a.value);
    return {root, a.slope / (2 * root)};
  }
  SIM_DUAL Dual rsqrt(Dual a) {
    const double inverse = ::rsqrt(a.value);
    return {inverse, -a.slope * inverse / (2 * a.value)};
  }
  SIM_DUAL Dual pow(Dual a, Dual b) {
    const double power = ::pow(a.value, b.value);
    const double along_a = b.value * ::pow(a.value, b.value - 1) * a.slope;
    return {power, b.slope == 0 ? along_a : along_a + power * ::log(a.value) * b.slope};
  }
};

// A shuffle moves at most 64 bits: the value goes first, then the slope.
template <>
SIM_INLINE Dual shuffle(unsigned mask, Dual mine, int from, int first, int width, int line) {
  const double value = shuffle(mask, mine.value, from, first, width, line);
  return {value, shuffle(mask, mine.slope, from, first, width, line)};
}

}  // namespace sim

using sim::Dual;
