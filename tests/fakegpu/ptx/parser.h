// A module's text -> Module.
#pragma once

#include <algorithm>
#include <sstream>

#include "instructions.h"

namespace ptx {

constexpr u64 ALIGNED = 16;  // every variable begins at a multiple, the strictest that PTX asks for

inline u64 rounded_up(u64 offset, u64 alignment) {
    return (offset + alignment - 1) / alignment * alignment;
}

class Parser {
  public:
    Parser(const std::string& text, Module& module) : text_(without_comments(text)), m_(module) {}

    void parse() {
        for (skip_blanks(); at_ < text_.size(); skip_blanks()) {
            const std::string word = text_.substr(at_, text_.find_first_of(" \t\r\n", at_) - at_);
            const std::string head = text_.substr(at_, text_.find_first_of(";{", at_) - at_);
            if (word == ".version" || word == ".target" || word == ".address_size" ||
                word == ".file") {
                skip_line();
            } else if (word == ".section") {
                at_ = text_.find('}', at_) + 1;
            } else if (head.find(".entry") != std::string::npos ||
                       head.find(".func") != std::string::npos) {
                read_function();
            } else {
                read_variable(statement());
            }
        }
    }

  private:
    const std::string text_;
    size_t at_ = 0;
    Module& m_;

    static std::string without_comments(const std::string& text) {
        std::string kept;
        for (size_t i = 0; i < text.size() && text[i]; ++i) {
            if (text.compare(i, 2, "//") == 0) i = text.find('\n', i);
            if (text.compare(i, 2, "/*") == 0) i = text.find("*/", i) + 2;
            if (i >= text.size()) break;
            kept += text[i];
        }
        return kept;
    }

    void skip_blanks() {
        while (at_ < text_.size() && isspace((unsigned char)text_[at_])) ++at_;
    }

    void skip_line() { at_ = std::min(text_.find('\n', at_), text_.size()); }

    std::string statement() {
        const size_t end = text_.find(';', at_);
        const std::string found = trimmed(text_.substr(at_, end - at_));
        at_ = end + 1;
        return found;
    }

    // .global .align 4 .b8 name[32] = {1, 2, 3};
    void read_variable(const std::string& text) {
        const size_t equals = text.find('=');
        std::istringstream words(text.substr(0, equals));
        std::string word, name;
        Space space = GLOBAL;
        Type type = B8;
        while (words >> word) {
            if (word == ".const") space = CONSTANT;
            if (word == ".shared") space = SHARED;
            if (word == ".align") {
                words >> word;
            } else if (word[0] != '.') {
                name += word;
            } else if (type_named(word.substr(1)) != UNTYPED) {
                type = type_named(word.substr(1));
            }
        }
        const auto [plain, count] = array_named(name);
        const u64 size = count * size_of(type);
        if (space == SHARED) {
            const bool sized_at_launch = size == 0;
            m_.shared_bytes = rounded_up(m_.shared_bytes, ALIGNED);
            m_.variables[plain] = sized_at_launch
                                      ? Variable{SHARED, 0, 0, DYNAMIC}
                                      : Variable{SHARED, m_.shared_bytes, size, OF_MODULE};
            m_.shared_bytes += size;
            return;
        }
        auto bytes = std::make_unique<Bytes>(std::max(size, ALIGNED));
        if (equals != std::string::npos) fill(*bytes, text.substr(equals + 1), type);
        m_.variables[plain] = {space, u64(bytes->data()), size, ABSOLUTE};
        m_.data.push_back(std::move(bytes));
    }

    static void fill(Bytes& bytes, std::string values, Type type) {
        std::replace(values.begin(), values.end(), '{', ' ');
        std::replace(values.begin(), values.end(), '}', ' ');
        size_t i = 0;
        for (auto& value : split(values, ',')) {
            if (value.empty()) continue;
            const u64 bits = number(value, type);
            std::memcpy(&bytes.at(i), &bits, size_of(type));
            i += size_of(type);
        }
    }

    // .visible .entry name(.param .u64 a, .param .u32 b) .maxntid 256, 1, 1 { ... }
    // .func (.param .b32 result) name(.param .b64 a) { ... }       or only declared, with a ;
    void read_function() {
        std::string name;
        bool is_kernel = false;
        std::vector<Parameter> before, after;  // what stands in brackets before and after the name
        for (skip_blanks(); text_[at_] != '{' && text_[at_] != ';'; skip_blanks()) {
            if (text_[at_] == '(') {
                const size_t end = text_.find(')', at_);
                (name.empty() ? before : after) = parameters(text_.substr(at_ + 1, end - at_ - 1));
                at_ = end + 1;
                continue;
            }
            const size_t end = text_.find_first_of(" \t\r\n({;", at_);
            const std::string word = text_.substr(at_, end - at_);
            is_kernel = is_kernel || word == ".entry";
            if (word[0] != '.' && name.empty()) name = word;
            at_ = end;
        }
        Function& f = m_.function(name);
        if (text_[at_++] == ';') return;
        f.is_defined = true;
        f.is_kernel = is_kernel;
        lay_out(f, before, after);
        read_body(f);
    }

    static std::vector<Parameter> parameters(const std::string& text) {
        std::vector<Parameter> found;
        for (auto& one : split(text, ',')) {
            std::istringstream words(one);
            std::string word, name;
            Type type = B8;
            int alignment = 1;
            while (words >> word) {
                if (word == ".align") {
                    words >> alignment;
                } else if (word[0] != '.') {
                    name = word;
                } else if (type_named(word.substr(1)) != UNTYPED) {
                    type = type_named(word.substr(1));
                }
            }
            if (name.empty()) continue;
            const auto [plain, count] = array_named(name);
            const int size = size_of(type);
            found.push_back({plain, int(count) * size, std::max(alignment, size)});
        }
        return found;
    }

    // Parameters lie one after another, each aligned. Results are variables of the function's own.
    static void lay_out(Function& f, const std::vector<Parameter>& results,
                        std::vector<Parameter> parameters) {
        for (auto& p : parameters) {
            p.offset = int(rounded_up(f.parameter_bytes, p.alignment));
            f.variables[p.name] = {PARAM, u64(p.offset), u64(p.size), ABSOLUTE};
            f.parameter_bytes = p.offset + p.size;
        }
        f.parameters = std::move(parameters);
        for (auto& result : results) {
            f.results.push_back(result.name);
            f.variables[result.name] = {LOCAL, f.local_bytes, u64(result.size), OF_FUNCTION};
            f.local_bytes = rounded_up(f.local_bytes + result.size, ALIGNED);
        }
    }

    void read_body(Function& f) {
        for (int depth = 1; depth > 0;) {
            skip_blanks();
            const size_t word_end = text_.find_first_not_of(
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$", at_);
            if (text_[at_] == '{') {
                ++depth, ++at_;
            } else if (text_[at_] == '}') {
                --depth, ++at_;
            } else if (text_[word_end] == ':' && text_[word_end + 1] != ':') {
                f.labels[text_.substr(at_, word_end - at_)] = int(f.code.size());
                at_ = word_end + 1;
            } else if (text_.compare(at_, 4, ".loc") == 0 && text_.compare(at_, 6, ".local")) {
                skip_line();
            } else {
                read_statement(f, statement());
            }
        }
        Instruction end;
        end.op = Op::RET;
        f.code.push_back(end);
        for (auto& i : f.code) {
            if (i.op != Op::BRA) continue;
            const auto found = f.labels.find(i.label);
            if (found == f.labels.end()) throw Error("no label " + i.label);
            i.target = found->second;
        }
    }

    void read_statement(Function& f, const std::string& text) {
        if (text.empty() || text.compare(0, 7, ".pragma") == 0) return;
        if (text[0] == '.') {
            declare(f, text);
        } else {
            f.code.push_back(InstructionReader(m_, f, text).read());
        }
    }

    // .reg .b32 %r<8>;   .shared .align 4 .b8 tile[1024];   .param .b32 argument0;
    static void declare(Function& f, const std::string& text) {
        std::istringstream words(text);
        std::string kind, word, name;
        Type type = B8;
        words >> kind;
        while (words >> word) {
            if (word == ".align") {
                words >> word;
            } else if (word[0] != '.') {
                name += word;
            } else {
                type = type_named(word.substr(1));
            }
        }
        if (kind == ".reg") return declare_registers(f, name);
        const bool is_shared = kind == ".shared";
        if (!is_shared && kind != ".param" && kind != ".local") throw Error("unknown: " + text);
        const auto [plain, count] = array_named(name);
        const u64 size = count * size_of(type);
        const auto known = f.variables.find(plain);  // of another { }, which has ended
        if (known != f.variables.end() && known->second.size >= size) return;
        u64& used = is_shared ? f.shared_bytes : f.local_bytes;
        used = rounded_up(used, ALIGNED);
        f.variables[plain] = {is_shared ? SHARED : LOCAL, used, size, OF_FUNCTION};
        used += std::max(size, ALIGNED);
    }

    static void declare_registers(Function& f, const std::string& names) {
        for (auto& name : split(names, ',')) {
            const size_t less = name.find('<');
            const int count = less == std::string::npos ? 0 : std::atoi(name.c_str() + less + 1);
            for (int i = 0; i < count; ++i) {
                f.registers.emplace(name.substr(0, less) + std::to_string(i), f.registers.size());
            }
            if (less == std::string::npos) f.registers.emplace(name, f.registers.size());
        }
    }
};

}  // namespace ptx
