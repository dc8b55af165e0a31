// What the text of a PTX module is read into: variables, and functions, lists of instructions.
//
// PTX is the assembler that NVRTC compiles to. An instruction such as
//
//     @%p1 ld.global.v2.f32 {%f1, %f2}, [%rd4+16];
//
// has a predicate (it is skipped where %p1 is false), a name, a space of memory, a length, a type,
// a destination and sources. Registers are of no type: each instruction says what it reads there.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ptx {

using s32 = int32_t;
using s64 = int64_t;
using u32 = uint32_t;
using u64 = uint64_t;
using Bytes = std::vector<uint8_t>;

struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

enum Type { B8, B16, B32, B64, U8, U16, U32, U64, S8, S16, S32, S64, F16, F32, F64, PRED, UNTYPED };

inline int size_of(Type type) {
    switch (type) {
        case B8: case U8: case S8: case PRED: return 1;
        case B16: case U16: case S16: case F16: return 2;
        case B32: case U32: case S32: case F32: return 4;
        default: return 8;
    }
}

inline bool is_signed(Type type) { return S8 <= type && type <= S64; }
inline bool is_float(Type type) { return F16 <= type && type <= F64; }

// A generic address says by its value which space it lies in (machine.h).
enum Space { GENERIC, GLOBAL, SHARED, LOCAL, PARAM, CONSTANT };

// Where a variable's offset counts from. DYNAMIC: the shared memory whose size a launch gives.
enum Start { ABSOLUTE, OF_MODULE, OF_FUNCTION, DYNAMIC };

struct Variable {
    Space space = GENERIC;
    u64 offset = 0, size = 0;
    Start start = ABSOLUTE;
};

struct Operand {
    enum Kind { NONE, REGISTER, IMMEDIATE, SPECIAL, SYMBOL, VECTOR, SINK } kind = NONE;
    int number = -1;             // of a register, or of a special one such as %tid.x
    u64 value = 0;               // an immediate's bits; what is added to a register's address
    Variable variable;           // a symbol's, its offset moved by what is added to it
    bool is_negated = false;     // a predicate with a !
    std::vector<Operand> parts;  // of a vector {a, b}
};

enum class Op {
    NOP, LD, ST, ATOM, MOV, CVTA, CVT,
    ADD, ADDC, SUB, MUL, MULHI, MULWIDE, MAD, MADHI, MADWIDE, FMA, DIV, REM, MIN, MAX, NEG, ABS,
    NOT, CNOT, AND, OR, XOR, SHL, SHR, SHF, BFE, BFI, PRMT, LOP3, POPC, CLZ, BREV, BFIND,
    EX2, LG2, RCP, RSQRT, SQRT, SIN, COS, TANH, COPYSIGN, TESTP, SETP, SELP, SLCT,
    BRA, CALL, RET, EXIT, TRAP, BAR, SHFL, VOTE, ACTIVEMASK, BARWARP,
};

enum class Comparison { EQ, NE, LT, LE, GT, GE, EQU, NEU, LTU, LEU, GTU, GEU, NUM, NAN_ };
enum class Combine { NOTHING, AND, OR, XOR };  // setp's result with another predicate
enum class Atomic { ADD, MIN, MAX, EXCH, CAS, AND, OR, XOR, INC };
enum class Shuffle { BFLY, UP, DOWN, IDX };
enum class Vote { ALL, ANY, UNI, BALLOT };
enum class Test { FINITE, INFINITE, NUMBER, NOTANUMBER };

struct Instruction {
    Op op = Op::NOP;
    Type type = UNTYPED, from = UNTYPED;    // cvt.f32.s32: type is F32, from is S32
    Space space = GENERIC;
    char rounding = 'n';                    // to nearest, z zero, m minus infinity, p plus infinity
    bool flushes = false;                   // .ftz: subnormal numbers count as 0
    bool saturates = false, keeps_nan = false, to_integer = false, carries = false;
    bool to_space = false;                  // cvta.to
    bool shifts_right = false, clamps = false;  // shf
    Comparison comparison = Comparison::EQ;
    Combine combine = Combine::NOTHING;
    Atomic atomic = Atomic::ADD;
    Shuffle shuffle = Shuffle::IDX;
    Vote vote = Vote::ALL;
    Test test = Test::FINITE;
    Operand d, p, a, b, c, e;               // destination, second destination, sources
    int predicate = -1;                     // the register of @%p, or -1
    bool skips_if_true = false;             // @!%p
    int target = -1;                        // bra: the instruction's number
    std::string label, callee;
    std::vector<std::string> arguments, results;  // call: names of the caller's .param variables
    std::string text;
};

struct Parameter {
    std::string name;
    int size = 0, alignment = 1, offset = 0;
};

struct Function {
    std::string name;
    bool is_defined = false, is_kernel = false;
    std::vector<Parameter> parameters;
    int parameter_bytes = 0;
    std::vector<std::string> results;  // names of local variables, which `ret` hands to the caller
    std::vector<Instruction> code;
    std::unordered_map<std::string, int> registers, labels;
    std::unordered_map<std::string, Variable> variables;
    u64 shared_bytes = 0, local_bytes = 0;
};

struct Module {
    std::map<std::string, std::unique_ptr<Function>> functions;
    std::unordered_map<std::string, Variable> variables;
    std::vector<std::unique_ptr<Bytes>> data;  // of global and constant variables
    u64 shared_bytes = 0;

    Function& function(const std::string& name) {
        auto& found = functions[name];
        if (!found) found.reset(new Function);
        found->name = name;
        return *found;
    }
};

}  // namespace ptx
