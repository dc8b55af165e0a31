// One instruction's text, such as "@!%p1 setp.lt.and.f32 %p2, %f1, %f2, %p3", as an Instruction.
#pragma once

#include <set>

#include "text.h"

namespace ptx {

// What an instruction's name says of its operands, in order: the letter is their place in
// Instruction, and the type how a number there is read, by default as the instruction's own.
struct Form {
    Op op;
    const char* operands;
};

inline const Form* form_of(const std::string& name) {
    static const std::map<std::string, Form> forms = {
        {"ld", {Op::LD, "d [a]"}}, {"ldu", {Op::LD, "d [a]"}}, {"st", {Op::ST, "[a] b"}},
        {"atom", {Op::ATOM, "d [a] b"}}, {"atom.cas", {Op::ATOM, "d [a] b c"}},
        {"red", {Op::ATOM, "[a] b"}},
        {"mov", {Op::MOV, "d a"}}, {"cvta", {Op::CVTA, "d a"}}, {"cvt", {Op::CVT, "d a:from"}},
        {"add", {Op::ADD, "d a b"}}, {"addc", {Op::ADDC, "d a b"}}, {"sub", {Op::SUB, "d a b"}},
        {"mul", {Op::MUL, "d a b"}}, {"mul.hi", {Op::MULHI, "d a b"}},
        {"mul.wide", {Op::MULWIDE, "d a b"}}, {"mad", {Op::MAD, "d a b c"}},
        {"mad.hi", {Op::MADHI, "d a b c"}}, {"mad.wide", {Op::MADWIDE, "d a b c"}},
        {"fma", {Op::FMA, "d a b c"}}, {"div", {Op::DIV, "d a b"}}, {"rem", {Op::REM, "d a b"}},
        {"min", {Op::MIN, "d a b"}}, {"max", {Op::MAX, "d a b"}}, {"neg", {Op::NEG, "d a"}},
        {"abs", {Op::ABS, "d a"}}, {"not", {Op::NOT, "d a"}}, {"cnot", {Op::CNOT, "d a"}},
        {"and", {Op::AND, "d a b"}}, {"or", {Op::OR, "d a b"}}, {"xor", {Op::XOR, "d a b"}},
        {"shl", {Op::SHL, "d a b:u32"}}, {"shr", {Op::SHR, "d a b:u32"}},
        {"shf", {Op::SHF, "d a b c:u32"}}, {"bfe", {Op::BFE, "d a b:u32 c:u32"}},
        {"bfi", {Op::BFI, "d a b c:u32 e:u32"}}, {"prmt", {Op::PRMT, "d a b c"}},
        {"lop3", {Op::LOP3, "d a b c e:u32"}}, {"popc", {Op::POPC, "d a"}},
        {"clz", {Op::CLZ, "d a"}}, {"brev", {Op::BREV, "d a"}}, {"bfind", {Op::BFIND, "d a"}},
        {"ex2", {Op::EX2, "d a"}}, {"lg2", {Op::LG2, "d a"}}, {"rcp", {Op::RCP, "d a"}},
        {"rsqrt", {Op::RSQRT, "d a"}}, {"sqrt", {Op::SQRT, "d a"}}, {"sin", {Op::SIN, "d a"}},
        {"cos", {Op::COS, "d a"}}, {"tanh", {Op::TANH, "d a"}},
        {"copysign", {Op::COPYSIGN, "d a b"}}, {"testp", {Op::TESTP, "d a"}},
        {"setp", {Op::SETP, "d a b"}}, {"setp.combined", {Op::SETP, "d a b c:pred"}},
        {"selp", {Op::SELP, "d a b c:pred"}}, {"slct", {Op::SLCT, "d a b c:from"}},
        {"ret", {Op::RET, ""}}, {"exit", {Op::EXIT, ""}}, {"trap", {Op::TRAP, ""}},
        {"bar", {Op::BAR, "a:u32"}}, {"barrier", {Op::BAR, "a:u32"}},
        {"bar.warp", {Op::BARWARP, "e:u32"}}, {"shfl", {Op::SHFL, "d a b c e"}},
        {"vote", {Op::VOTE, "d a:pred e:u32"}}, {"activemask", {Op::ACTIVEMASK, "d"}},
        {"membar", {Op::NOP, ""}}, {"fence", {Op::NOP, ""}}, {"nanosleep", {Op::NOP, ""}}};
    const auto found = forms.find(name);
    return found == forms.end() ? nullptr : &found->second;
}

inline int special_register(const std::string& name) {
    static const std::vector<std::string> names = {
        "%tid.x", "%tid.y", "%tid.z", "%ntid.x", "%ntid.y", "%ntid.z", "%ctaid.x", "%ctaid.y",
        "%ctaid.z", "%nctaid.x", "%nctaid.y", "%nctaid.z", "%laneid", "%warpid", "%lanemask_lt",
        "%lanemask_le", "%lanemask_eq", "%lanemask_ge", "%lanemask_gt", "%clock", "%clock64",
        "WARP_SZ"};
    for (size_t i = 0; i < names.size(); ++i) {
        if (names[i] == name) return int(i);
    }
    return -1;
}

class InstructionReader {
  public:
    InstructionReader(const Module& module, const Function& function, const std::string& text)
        : module_(module), function_(function) {
        i_.text = text;
    }

    Instruction read() {
        std::string rest = i_.text;
        if (rest[0] == '@') rest = read_predicate(rest);
        const size_t blank = rest.find_first_of(" \t\n");
        words_ = split(rest.substr(0, blank), '.');
        if (blank != std::string::npos) given_ = split(trimmed(rest.substr(blank)), ',');
        if (words_[0] == "bra") {
            i_.op = Op::BRA;
            i_.label = given_.at(0);
        } else if (words_[0] == "call") {
            read_call();
        } else {
            read_modifiers();
            read_operands();
        }
        return std::move(i_);
    }

  private:
    const Module& module_;
    const Function& function_;
    Instruction i_;
    std::vector<std::string> words_, given_;  // the name cut at its dots, the operands

    bool says(const std::string& word) const {
        for (size_t i = 1; i < words_.size(); ++i) {
            if (words_[i] == word) return true;
        }
        return false;
    }

    template <class T>
    void choose(T& field, const std::map<std::string, T>& names) {
        for (size_t i = 1; i < words_.size(); ++i) {
            const auto found = names.find(words_[i]);
            if (found != names.end()) field = found->second;
        }
    }

    std::string read_predicate(const std::string& text) {
        const size_t blank = text.find_first_of(" \t");
        i_.skips_if_true = text[1] == '!';
        const size_t begin = i_.skips_if_true ? 2 : 1;
        i_.predicate = function_.registers.at(text.substr(begin, blank - begin));
        return trimmed(text.substr(blank));
    }

    // call.uni (results), function, (arguments)
    void read_call() {
        i_.op = Op::CALL;
        size_t next = 0;
        const auto listed = [](const std::string& s) {
            return split(s.substr(1, s.size() - 2), ',');
        };
        if (given_.at(next)[0] == '(') i_.results = listed(given_[next++]);
        i_.callee = given_.at(next++);
        if (next < given_.size() && given_[next][0] == '(') i_.arguments = listed(given_[next]);
    }

    void read_modifiers() {
        const std::string& name = words_[0];
        for (size_t i = 1; i < words_.size(); ++i) {
            const Type type = type_named(words_[i]);
            if (type == UNTYPED) continue;
            (i_.type == UNTYPED ? i_.type : i_.from) = type;
        }
        i_.flushes = says("ftz");
        i_.saturates = says("sat");
        i_.keeps_nan = says("NaN");
        i_.carries = says("cc");
        i_.to_space = says("to");
        i_.shifts_right = says("r");
        i_.clamps = says("clamp");
        choose<char>(i_.rounding, {{"rn", 'n'}, {"rni", 'n'}, {"rz", 'z'}, {"rzi", 'z'},
                                   {"rm", 'm'}, {"rmi", 'm'}, {"rp", 'p'}, {"rpi", 'p'}});
        i_.to_integer = says("rni") || says("rzi") || says("rmi") || says("rpi");
        choose<Space>(i_.space, {{"global", GLOBAL}, {"shared", SHARED}, {"shared::cta", SHARED},
                                 {"local", LOCAL}, {"param", PARAM}, {"const", CONSTANT}});
        if (name == "setp") {
            using C = Comparison;
            choose<C>(i_.comparison,
                      {{"eq", C::EQ}, {"ne", C::NE}, {"lt", C::LT}, {"le", C::LE}, {"gt", C::GT},
                       {"ge", C::GE}, {"lo", C::LT}, {"ls", C::LE}, {"hi", C::GT}, {"hs", C::GE},
                       {"equ", C::EQU}, {"neu", C::NEU}, {"ltu", C::LTU}, {"leu", C::LEU},
                       {"gtu", C::GTU}, {"geu", C::GEU}, {"num", C::NUM}, {"nan", C::NAN_}});
            choose<Combine>(i_.combine,
                            {{"and", Combine::AND}, {"or", Combine::OR}, {"xor", Combine::XOR}});
        }
        using A = Atomic;
        choose<A>(i_.atomic, {{"add", A::ADD}, {"min", A::MIN}, {"max", A::MAX}, {"exch", A::EXCH},
                              {"cas", A::CAS}, {"and", A::AND}, {"or", A::OR}, {"xor", A::XOR},
                              {"inc", A::INC}});
        choose<Shuffle>(i_.shuffle, {{"bfly", Shuffle::BFLY}, {"up", Shuffle::UP},
                                     {"down", Shuffle::DOWN}, {"idx", Shuffle::IDX}});
        choose<Vote>(i_.vote, {{"all", Vote::ALL}, {"any", Vote::ANY}, {"uni", Vote::UNI},
                               {"ballot", Vote::BALLOT}});
        choose<Test>(i_.test, {{"finite", Test::FINITE}, {"infinite", Test::INFINITE},
                               {"number", Test::NUMBER}, {"notanumber", Test::NOTANUMBER}});
    }

    const Form& form() const {
        std::string name = words_[0];
        if (name == "mul24") name = "mul";
        const bool of_floats = i_.type == F32 || i_.type == F64;
        if (name == "mad" && of_floats) name = "fma";
        if ((name == "mul" || name == "mad") && says("hi")) name += ".hi";
        if ((name == "mul" || name == "mad") && says("wide")) name += ".wide";
        if (name == "atom" && i_.atomic == Atomic::CAS) name += ".cas";
        if (name == "bar" && says("warp")) name += ".warp";
        if (name == "setp" && i_.combine != Combine::NOTHING) name += ".combined";
        const Form* found = form_of(name);
        const bool unknown_carry = i_.carries && name != "add" && name != "addc";
        const bool reduces = (name == "bar" || name == "barrier") && says("red");
        if (!found || unknown_carry || reduces) throw Error("unknown instruction: " + i_.text);
        return *found;
    }

    void read_operands() {
        const Form& wanted = form();
        i_.op = wanted.op;
        size_t next = 0;
        for (std::string place : split(wanted.operands, ' ')) {
            if (next >= given_.size()) throw Error("operands are missing: " + i_.text);
            const std::string text = given_[next++];
            if (place == "[a]") {
                i_.a = address(text);
                const bool is_frame = i_.a.kind == Operand::SYMBOL && i_.space == PARAM;
                if (is_frame) i_.space = i_.a.variable.space;  // arguments of calls are local
                continue;
            }
            Type type = i_.type;
            const size_t colon = place.find(':');
            if (colon != std::string::npos) {
                const std::string name = place.substr(colon + 1);
                type = name == "from" ? i_.from : type_named(name);
            }
            const size_t bar = place[0] == 'd' ? text.find('|') : std::string::npos;
            if (bar != std::string::npos) i_.p = operand(text.substr(bar + 1), PRED);
            place_of(place[0]) = operand(text.substr(0, bar), type);
        }
    }

    Operand& place_of(char letter) {
        switch (letter) {
            case 'd': return i_.d;
            case 'a': return i_.a;
            case 'b': return i_.b;
            case 'c': return i_.c;
            default: return i_.e;
        }
    }

    Operand operand(const std::string& given, Type type) const {
        const std::string s = trimmed(given);
        Operand o;
        if (s == "_") {
            o.kind = Operand::SINK;
        } else if (s[0] == '{') {
            o.kind = Operand::VECTOR;
            for (auto& part : split(s.substr(1, s.size() - 2), ',')) {
                o.parts.push_back(operand(part, type));
            }
        } else if (s[0] == '!') {
            o = operand(s.substr(1), type);
            o.is_negated = true;
        } else if (special_register(s) >= 0) {
            o.kind = Operand::SPECIAL;
            o.number = special_register(s);
        } else if (s[0] == '%') {
            o.kind = Operand::REGISTER;
            o.number = register_named(s);
        } else if (isdigit((unsigned char)s[0]) || s[0] == '-') {
            o.kind = Operand::IMMEDIATE;
            o.value = number(s, type);
        } else {
            const size_t plus = s.find('+');
            o.kind = Operand::SYMBOL;
            o.variable = variable_named(s.substr(0, plus));
            o.variable.offset += added(s, plus);
        }
        return o;
    }

    // [%rd1+8], [name+4], [1234]
    Operand address(const std::string& given) const {
        std::string s = trimmed(given);
        if (s[0] != '[') throw Error("expected an address: " + i_.text);
        s = trimmed(s.substr(1, s.size() - 2));
        if (s[0] != '%') return operand(s, B64);
        const size_t plus = s.find('+');
        Operand o = operand(s.substr(0, plus), B64);
        o.value = added(s, plus);
        return o;
    }

    static u64 added(const std::string& s, size_t plus) {
        return plus == std::string::npos ? 0 : u64(std::strtoll(s.c_str() + plus + 1, nullptr, 0));
    }

    int register_named(const std::string& name) const {
        const auto found = function_.registers.find(name);
        if (found == function_.registers.end()) throw Error("no register " + name);
        return found->second;
    }

    const Variable& variable_named(const std::string& given) const {
        const std::string name = trimmed(given);
        const auto local = function_.variables.find(name);
        if (local != function_.variables.end()) return local->second;
        const auto shared = module_.variables.find(name);
        if (shared == module_.variables.end()) throw Error("no variable " + name);
        return shared->second;
    }
};

}  // namespace ptx
