"""CUDA's launch line, read: what it means, and where it points when it means nothing."""

import pytest

from tinynet.kernels.catalogue.running.constants import constants
from tinynet.kernels.catalogue.running.launch_line import LineError, read_lines
from tinynet.kernels.catalogue.running.launches import Assignment, Fields, Loaded, Made, Named


def one(text):
    (statement,) = read_lines([text])
    return statement


def values(text):
    return [argument.value for argument in one(f"k<<<1, 1>>>({text})").arguments]


def test_a_launch():
    launch = one("saxpy<<<4, 64>>>(y=zeros(256), x=random(256), 256, 2.0f);")
    assert (launch.kernel, launch.template, launch.expression) == ("saxpy", None, "saxpy")
    assert (launch.grid, launch.block, launch.shared) == ((4,), (64,), 0)
    assert [a.name for a in launch.arguments] == ["y", "x", None, None]
    assert [a.value for a in launch.arguments] == [
        Made("zeros", (256,)), Made("random", (256,)), 256, 2.0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "grid", "block", "shared"),
    [
        ("k<<<(2, 3), (4, 5, 6)>>>()", (2, 3), (4, 5, 6), 0),
        ("k<<<dim3(2, 3), dim3(4)>>>()", (2, 3), (4,), 0),
        ("k<<<(1000 + 255) / 256, 1 << 8>>>()", (4,), (256,), 0),
        ("k<<<1, 32, 32 * sizeof(float)>>>()", (1,), (32,), 128),
        ("k<<<1, 32, 0, 0>>>()", (1,), (32,), 0),
        ("k<<<64 >> 2, 32>>>()", (16,), (32,), 0),
        ("k<<<(3 < 4 ? 5 : 6), 2 > 1 ? 1 >= 2 ? 7 : 8 : 9>>>()", (5,), (8,), 0),
        ("k <<< 1 , 32 >>> ( )", (1,), (32,), 0),
    ],
)
def test_grid_block_and_shared_memory(text, grid, block, shared):
    launch = one(text)
    assert (launch.grid, launch.block, launch.shared) == (grid, block, shared)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-3", -3), ("+3", 3), ("0x10", 16), ("010", 8), ("7u", 7), ("7ull", 7), ("2.5", 2.5),
        ("1e-5", 1e-5), (".5", 0.5), ("5.", 5.0), ("-1e2f", -100.0), ("true", True),
        ("-7 / 2", -3), ("-7 % 3", -1), ("7 / 2.0", 3.5), ("2 + 3 * 4", 14), ("(2 + 3) * 4", 20),
        ("0.1f", 0.10000000149011612), ("INFINITY", float("inf")), ("nullptr", None),
    ],
)  # fmt: skip
def test_numbers_are_those_of_c(text, value):
    (found,) = values(text)
    assert (found, type(found)) == (value, type(value))


def test_arrays():
    assert values("zeros(2, 3), ones((4,)), arange(0x10), empty(1 << 4), random(8, below=3)") == [
        Made("zeros", (2, 3)), Made("ones", (4,)), Made("arange", (16,)), Made("empty", (16,)),
        Made("random", (8,), 3),
    ]  # fmt: skip
    assert values("data/x.npy, 'my file.npy', x") == [
        Loaded("data/x.npy"), Loaded("my file.npy"), Named("x"),
    ]  # fmt: skip
    for text in ("{1, -2}", "make_int2(1, -2)"):
        (fields,) = values(text)
        assert isinstance(fields, Fields)
        assert [argument.value for argument in fields.arguments] == [1, -2]


@pytest.mark.parametrize(
    ("text", "name", "template"),
    [
        ("k<float, 32><<<1, 1>>>()", "k", "float, 32"),
        ("a::b::k<(3 > 2), X<Y<int>>, 4><<<1, 1>>>()", "a::b::k", "(3 > 2), X<Y<int>>, 4"),
        ("k<><<<1, 1>>>()", "k", ""),
    ],
)
def test_instances_of_templates(text, name, template):
    launch = one(text)
    assert (launch.kernel, launch.template) == (name, template)


def test_several_statements():
    found = read_lines(["F = ones(5, 5); a<<<1, 1>>>(F)", "b<<<1, 1>>>();"])
    assert isinstance(found[0], Assignment)
    assert (found[0].name, found[0].argument.value) == ("F", Made("ones", (5, 5)))
    assert [launch.kernel for launch in found[1:]] == ["a", "b"]
    assert read_lines([""]) == read_lines([" ; "]) == []


# What cannot be read, with the place marked by @, and what is wanted there.
UNREADABLE = [
    ("k<<<4@>>>()", "wanted a comma and the block"),
    ("k@(1)", "wanted the grid and block"),
    ("@3", "wanted the name of a kernel"),
    ("k<<<@1.5, 1>>>()", "wanted an integer as grid"),
    ("k<<<@(1, 2, 3, 4), 1>>>()", "wanted a grid of one to three sizes"),
    ("k<<<1 / @0, 1>>>()", "wanted a divisor that is not 0"),
    ("k<<<1, 1, 0, @7>>>()", "wanted the default stream"),
    ("k<<<1, 1, @-4>>>()", "0 bytes or more"),
    ("k<@float<<<1, 1>>>()", "wanted the arguments of a template and >"),
    ("k<<<1, 1>>>(@", "wanted a number, an array or a name"),
    ("k<<<1, 1>>>(1 @2)", "wanted , or )"),
    ("k<<<1, 1>>>(1, @%)", "wanted a number, an array or a name"),
    ("k<<<1, 1>>>(@n=3)", "only an array can have a name"),
    ("k<<<1, 1>>>(@noise(3))", "no array is made by noise; there are zeros, ones"),
    ("k<<<1, 1>>>(zeros(@-3))", "wanted a size of the shape"),
    ("k<<<1, 1>>>(zeros(3)@", "wanted , or )"),
    ("k<<<1, 1>>>() @x", "wanted ; or the end"),
    ("k<<<1, 1>>>(zeros(3, below=2)@)", "only random has below"),
]


@pytest.mark.parametrize(("marked", "message"), UNREADABLE)
def test_what_cannot_be_read_is_pointed_at(marked, message):
    place = marked.index("@")
    line = marked.replace("@", "")
    with pytest.raises(LineError) as caught:
        read_lines([line])
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"launch line, character {place + 1}: ")
    assert message in text
    assert text.endswith(f"--> {line[place:] or '(its end)'}")


def test_of_a_long_line_the_surroundings_are_shown():
    line = f"k<<<1, 1>>>({', '.join('1' * 60)}, ?, {', '.join('2' * 60)})"
    with pytest.raises(LineError, match=r": \.\.\..{0,40} --> \?.{0,40}\.\.\.$"):
        read_lines([line])


FILE = """\
#define TILE 16  // wide
#define SIZE (4 * TILE)
#define ALPHA 2.0f /* of axpy */
#define SQUARE(x) ((x) * (x))
#define EMPTY
// #define GONE 3
#if FAST
#define STEP 4
#else
#define STEP 1
#endif
__global__ void k() { const int i = threadIdx.x; }
static const int last = SIZE - 1;
constexpr unsigned int HALF = TILE / 2;
int main() { const int n = LATER; changes = 3; }
#define LATER 1 << 10
"""


def test_the_numbers_that_a_file_names():
    assert constants([FILE], FILE, []) == {
        "TILE": 16, "SIZE": 64, "ALPHA": 2.0, "last": 63, "HALF": 8, "n": 1024, "LATER": 1024,
    }  # fmt: skip
    assert constants([FILE], FILE, ["TILE=8", "STEP=2", "FAST"])["SIZE"] == 32
    assert constants([FILE], FILE, ["STEP=2"])["STEP"] == 2


def test_a_launch_with_names_of_the_file():
    text = "k<<<dim3(n / TILE, 2), TILE, TILE * sizeof(int)>>>(y=zeros(TILE, n), TILE, -n, y)"
    (launch,) = read_lines([text], constants([FILE], FILE, []))
    assert (launch.grid, launch.block, launch.shared) == ((64, 2), (16,), 64)
    values = [argument.value for argument in launch.arguments]
    assert values == [Made("zeros", (16, 1024)), 16, -1024, Named("y")]


@pytest.mark.parametrize("value", ["(" * 9999 + "1" + ")" * 9999, "-" * 9999 + "1", "{" * 9999])
def test_what_nests_too_deeply_is_refused(value):
    with pytest.raises(LineError, match="wanted fewer brackets within brackets"):
        read_lines([f"k<<<1, 1>>>({value})"])
    assert constants([f"#define N {value}\n#define M 1"], "", []) == {"M": 1}


def test_an_arrays_name_goes_before_a_number_of_the_file():
    lines = ["k<<<1, 1>>>(n, n=zeros(n))", "k<<<1, 1>>>(n, n)"]
    first, second = read_lines(lines, constants([FILE], FILE, []))
    assert [a.value for a in first.arguments] == [1024, Made("zeros", (1024,))]
    assert [a.value for a in second.arguments] == [Named("n"), Named("n")]


@pytest.mark.parametrize(
    ("text", "shape", "below"),
    [
        ("zeros((N + 1) * 4)", (36,), None),
        ("zeros((N + 1))", (9,), None),
        ("zeros((N + 1), 2)", (9, 2), None),
        ("zeros((1 << 3) + 1, (2))", (9, 2), None),
        ("zeros((2, 3))", (2, 3), None),
        ("random((2, 3), below=4)", (2, 3), 4),
        ("random((N + 1) * 2, below=4)", (18,), 4),
        ("zeros(((2)))", (2,), None),
    ],
)
def test_a_size_may_begin_with_a_bracket(text, shape, below):
    (launch,) = read_lines([f"k<<<1, 1>>>({text})"], {"N": 8})
    made = launch.arguments[0].value
    assert (made.shape, made.below) == (shape, below)


def test_names_have_the_types_that_the_file_gives_them():
    code = "const int N = 1e6; const float a = 1; constexpr double b = N / 4; const int c = 7.9;"
    found = constants([], code, [])
    assert found == {"N": 1000000, "a": 1.0, "b": 250000.0, "c": 7}
    assert [type(found[name]) for name in "Nabc"] == [int, float, float, int]
