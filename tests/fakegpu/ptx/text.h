// Small things about PTX's text: numbers, lists, and the names of types.
#pragma once

#include <cstdlib>
#include <cstring>

#include "module.h"

namespace ptx {

template <class To, class From>
To bits_of(From value) {
    To bits = 0;
    std::memcpy(&bits, &value, std::min(sizeof bits, sizeof value));
    return bits;
}

inline std::string trimmed(const std::string& s) {
    const size_t first = s.find_first_not_of(" \t\r\n");
    if (first == std::string::npos) return "";
    return s.substr(first, s.find_last_not_of(" \t\r\n") - first + 1);
}

// The parts between separators that no bracket encloses.
inline std::vector<std::string> split(const std::string& s, char separator) {
    std::vector<std::string> parts;
    std::string part;
    int depth = 0;
    for (char c : s) {
        if (c == '{' || c == '(' || c == '[') ++depth;
        if (c == '}' || c == ')' || c == ']') --depth;
        if (c == separator && depth == 0) {
            parts.push_back(trimmed(part));
            part.clear();
        } else {
            part += c;
        }
    }
    if (!trimmed(part).empty()) parts.push_back(trimmed(part));
    return parts;
}

inline Type type_named(const std::string& name) {
    static const std::map<std::string, Type> types = {
        {"b8", B8},   {"b16", B16}, {"b32", B32}, {"b64", B64}, {"u8", U8},   {"u16", U16},
        {"u32", U32}, {"u64", U64}, {"s8", S8},   {"s16", S16}, {"s32", S32}, {"s64", S64},
        {"f16", F16}, {"f32", F32}, {"f64", F64}, {"pred", PRED}};
    const auto found = types.find(name);
    return found == types.end() ? UNTYPED : found->second;
}

// "name[8]" is ("name", 8), "name[2][3]" ("name", 6), "name" ("name", 1), and "name[]" ("name", 0).
inline std::pair<std::string, u64> array_named(const std::string& text) {
    u64 count = 1;
    const size_t bracket = text.find('[');
    for (size_t i = bracket; i != std::string::npos; i = text.find('[', i + 1)) {
        count *= std::strtoull(text.c_str() + i + 1, nullptr, 0);
    }
    return {text.substr(0, bracket), count};
}

// The bits of a number as an operand of this type: 12, -1, 0x1F, 0f3F800000, 0d3FF0000000000000.
inline u64 number(std::string s, Type type) {
    s = trimmed(s);
    const bool negative = s[0] == '-';
    if (negative) s = s.substr(1);
    const char kind = s.size() > 2 && s[0] == '0' ? s[1] : ' ';
    if (kind == 'f' || kind == 'F' || kind == 'd' || kind == 'D' ||
        s.find('.') != std::string::npos) {
        double value;
        if (kind == 'f' || kind == 'F') {
            value = bits_of<float>(u32(std::strtoul(s.c_str() + 2, nullptr, 16)));
        } else if (kind == 'd' || kind == 'D') {
            value = bits_of<double>(u64(std::strtoull(s.c_str() + 2, nullptr, 16)));
        } else {
            value = std::atof(s.c_str());
        }
        if (negative) value = -value;
        // A float in bits may stand where the type is untyped: mov.b32 %r1, 0f3F800000.
        const bool is_double = type == F64 || ((kind == 'd' || kind == 'D') && type != F32);
        return is_double ? bits_of<u64>(value) : bits_of<u64>(float(value));
    }
    const u64 value = std::strtoull(s.c_str(), nullptr, 0);
    return negative ? -value : value;
}

}  // namespace ptx
