// How Python finds a kernel in the compiled library: its parameter types, and a function to run it.
//
// The compiler itself deduces the types from the function, so no C parser can get them wrong.
// SIM_KERNEL(name) comes once for each kernel at the end of the compiled text.
#pragma once
#include <cstring>
#include <type_traits>
#include <utility>

#include "runtime.h"

namespace sim {

template <class T> struct Spelling { static constexpr const char* text = "another type"; };
#define SIM_SPELL(...) \
  template <> struct Spelling<__VA_ARGS__> { static constexpr const char* text = #__VA_ARGS__; };
SIM_SPELL(float) SIM_SPELL(double) SIM_SPELL(bool)
SIM_SPELL(char) SIM_SPELL(signed char) SIM_SPELL(unsigned char)
SIM_SPELL(short) SIM_SPELL(unsigned short) SIM_SPELL(int) SIM_SPELL(unsigned int)
SIM_SPELL(long) SIM_SPELL(unsigned long) SIM_SPELL(long long) SIM_SPELL(unsigned long long)
SIM_SPELL(float2) SIM_SPELL(float4) SIM_SPELL(double2) SIM_SPELL(int2) SIM_SPELL(int4)
SIM_SPELL(Dual)

template <class T> SIM_UNWATCHED void spell(char* text) {  // "const float*;"
  using Pointee = std::remove_pointer_t<T>;
  if (std::is_const_v<Pointee>) strcat(text, "const ");
  strcat(text, Spelling<std::remove_cv_t<Pointee>>::text);
  if (std::is_pointer_v<T>) strcat(text, "*");
  strcat(text, ";");
}

template <class... A> SIM_UNWATCHED const char* parameters(void (*)(A...)) {
  static char text[32 * (sizeof...(A) + 1)];
  text[0] = 0;
  (spell<A>(text), ...);
  return text;
}

template <auto kernel, class... A> SIM_UNWATCHED void run_threads(A... arguments) {
  while (next_thread()) kernel(arguments...);
}

template <auto kernel, class... A, size_t... I>
SIM_UNWATCHED void unpack(void** arguments, std::index_sequence<I...>) {
  run_threads<kernel, A...>(*(A*)arguments[I]...);
}

template <auto kernel, class... A> SIM_UNWATCHED void body(void (*)(A...), void** arguments) {
  unpack<kernel, A...>(arguments, std::index_sequence_for<A...>());
}

}  // namespace sim

#define SIM_EXPORT extern "C" SIM_UNWATCHED __attribute__((visibility("default")))
#define SIM_KERNEL(name)                                                                           \
  SIM_EXPORT const char* name##__parameters() { return sim::parameters(name); }                    \
  SIM_EXPORT void name##__body(void** arguments) { sim::body<name>(name, arguments); }
