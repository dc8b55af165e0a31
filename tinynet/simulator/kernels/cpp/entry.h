// How Python finds a kernel in the compiled library: its parameter types, and a function to run it.
//
// The compiler itself deduces the types from the function, so no C parser can get them wrong.
// SIM_KERNEL comes once for each kernel, or instance of one, at the end of the compiled text.
#pragma once
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <type_traits>
#include <utility>

#include "runtime.h"

namespace sim {

template <class T> struct Spelling { static constexpr const char* text = "another type"; };
#define SIM_SPELL(...) \
  template <> struct Spelling<__VA_ARGS__> { static constexpr const char* text = #__VA_ARGS__; };
SIM_SPELL(float) SIM_SPELL(double) SIM_SPELL(bool) SIM_SPELL(void)
SIM_SPELL(char) SIM_SPELL(signed char) SIM_SPELL(unsigned char)
SIM_SPELL(short) SIM_SPELL(unsigned short) SIM_SPELL(int) SIM_SPELL(unsigned int)
SIM_SPELL(long) SIM_SPELL(unsigned long) SIM_SPELL(long long) SIM_SPELL(unsigned long long)
SIM_SPELL(Dual)
#define SIM_SPELL_VECTORS(name) \
  SIM_SPELL(name##1) SIM_SPELL(name##2) SIM_SPELL(name##3) SIM_SPELL(name##4)
SIM_SPELL_VECTORS(char) SIM_SPELL_VECTORS(uchar) SIM_SPELL_VECTORS(short) SIM_SPELL_VECTORS(ushort)
SIM_SPELL_VECTORS(int) SIM_SPELL_VECTORS(uint) SIM_SPELL_VECTORS(long) SIM_SPELL_VECTORS(ulong)
SIM_SPELL_VECTORS(longlong) SIM_SPELL_VECTORS(ulonglong)
SIM_SPELL_VECTORS(float) SIM_SPELL_VECTORS(double)
#ifdef SIM_HALF
SIM_SPELL(__half) SIM_SPELL(__half2)
#endif

// Of a structure SIM_FIELDS gives the fields: "{int@0 width,float*@8 elements}16".
template <class T> struct FieldsOf { static constexpr void (*spell)(char*) = nullptr; };

template <class T> SIM_UNWATCHED void spell_type(char* text) {  // "const float*"
  using Pointee = std::remove_cv_t<std::remove_pointer_t<T>>;
  if (std::is_const_v<std::remove_pointer_t<T>>) strcat(text, "const ");
  if (FieldsOf<Pointee>::spell) {
    strcat(text, "{");
    FieldsOf<Pointee>::spell(text);
    sprintf(text + strlen(text), "}%zu", sizeof(std::conditional_t<std::is_void_v<Pointee>, char, Pointee>));
  } else {
    strcat(text, Spelling<Pointee>::text);
  }
  if (std::is_pointer_v<T>) strcat(text, "*");
}
template <class T> SIM_UNWATCHED void spell(char* text) {
  spell_type<T>(text);
  strcat(text, ";");
}
template <class T> SIM_UNWATCHED void spell_field(char* text, const char* name, size_t offset) {
  spell_type<T>(text);
  sprintf(text + strlen(text), "@%zu %s,", offset, name);
}

// Of the functions that have a kernel's name the kernel, which alone returns nothing: C and CUDA may
// have others, such as index. (Where some are templates, as those named max, no compiler can tell.)
template <class... A> constexpr auto kernel_named(void (*kernel)(A...)) { return kernel; }
template <class F> constexpr auto kernel_named(F* function) {
  static_assert(std::is_void_v<F>, "a kernel returns void");
  return function;
}

template <class... A> SIM_UNWATCHED const char* parameters(void (*)(A...)) {
  static_assert(!(std::is_reference_v<A> || ...), "a kernel takes no references");
  static char text[1024 * (sizeof...(A) + 1)];
  text[0] = 0;
  (spell<A>(text), ...);
  return text;
}

// "float;400;10;10;": the type of the elements of a variable, its bytes, its sizes.
template <class T> SIM_UNWATCHED void spell_sizes(char* text) {
  if constexpr (std::is_array_v<T>) {
    sprintf(text + strlen(text), "%zu;", std::extent_v<T>);
    spell_sizes<std::remove_extent_t<T>>(text);
  }
}
template <class T> SIM_UNWATCHED const char* variable() {
  static char text[1024];
  text[0] = 0;
  spell<std::remove_cv_t<std::remove_all_extents_t<T>>>(text);
  sprintf(text + strlen(text), "%zu;", sizeof(T));
  spell_sizes<T>(text);
  return text;
}

template <auto kernel, class... A> SIM_UNWATCHED void run_threads(A... arguments) {
  while (next_thread()) kernel(arguments...);
}

// An argument in the box that Python has put it in, which may lie anywhere.
template <class T> SIM_UNWATCHED T unboxed(const void* box) {
  alignas(T) char bytes[sizeof(T)];
  __builtin_memcpy(bytes, box, sizeof(T));  // no copy of the kernel's own
  return reinterpret_cast<T&>(bytes);
}

template <auto kernel, class... A, size_t... I>
SIM_UNWATCHED void unpack(void** arguments, std::index_sequence<I...>) {
  run_threads<kernel, A...>(unboxed<A>(arguments[I])...);
}

template <auto kernel, class... A> SIM_UNWATCHED void body(void (*)(A...), void** arguments) {
  unpack<kernel, A...>(arguments, std::index_sequence_for<A...>());
}

}  // namespace sim

#define SIM_EXPORT extern "C" SIM_UNWATCHED __attribute__((visibility("default")))
#define SIM_FIELD(type, name) spell_field<decltype(type::name)>(text, #name, offsetof(type, name));
#define SIM_FIELDS(type, fields)                                                                   \
  namespace sim {                                                                                  \
  template <> struct FieldsOf<type> {                                                              \
    SIM_UNWATCHED static void spell(char* text) { fields }                                         \
  };                                                                                               \
  }
#define SIM_VARIABLE(symbol, name)                                                                 \
  SIM_EXPORT void* symbol##__address() { return (void*)&name; }                                    \
  SIM_EXPORT const char* symbol##__variable() {                                                    \
    return sim::variable<std::remove_reference_t<decltype(name)>>();                               \
  }
#define SIM_KERNEL(symbol, ...)  /* ...: the kernel, perhaps an instance: saxpy<float, 32> */       \
  static constexpr auto symbol##__kernel = sim::kernel_named(__VA_ARGS__);                         \
  SIM_EXPORT const char* symbol##__parameters() { return sim::parameters(symbol##__kernel); }      \
  SIM_EXPORT void* symbol##__function() { return (void*)symbol##__kernel; }                        \
  SIM_EXPORT void symbol##__body(void** arguments) {                                               \
    sim::body<symbol##__kernel>(symbol##__kernel, arguments);                                      \
  }
