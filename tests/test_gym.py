"""The gym: starters fail, references pass, and of wrong answers the judge says why."""

import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from tinynet import simulator
from tinynet.gym import __main__ as command
from tinynet.gym import training
from tinynet.gym.exercises import EXERCISES
from tinynet.gym.judge import PRINTED, judge
from tinynet.gym.trial import verdict
from tinynet.kernels import KERNELS

pytestmark = pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")

LOOP = "for (int index = first; index < total; index += gridDim.x * blockDim.x)"
SIZE_LOOP = LOOP.replace("total", "size")
NO_LOOP = "if (const int index = first; index < total)"
NO_GUARD = "for (int index = first; index == first; ++index)"
LOSS = "log1p(rest) - (logit[labels[row]] - largest)"

SOLUTIONS = Path(__file__).with_name("gym")
# What is changed in a solution, and what the judge must say of it.
WRONG = {
    "relu_forward": [
        (SIZE_LOOP, NO_LOOP.replace("total", "size"), r"fewer threads \(256\) than elements"),
        (SIZE_LOOP, NO_GUARD, "past its 701 elements.*last block is ragged"),
        (
            "x[index] < REAL(0) ? REAL(0) : x[index]",
            "x[index] > REAL(0) ? x[index] : REAL(0)",
            r"y\[1\] is 0, wanted is nan \(1 of \d+ elements is wrong\).*a NaN is lost.*take\?\n",
        ),
        ("index < size", "index < size - 1", "is written up to element 699"),
        (": x[index]", ": (float)x[index]", "a float is meant"),
        ("blockIdx.x * blockDim.x + ", "", "several threads write to one element"),
        ("index += gridDim.x * blockDim.x", "index += 0", "a loop that never ends"),
    ],
    "relu_backward": [
        ("> REAL(0)", ">= REAL(0)", "all of dy has passed"),
        ("? dy[index]", "? REAL(1)", "that is the slope alone"),
        ("? dy[index]", "? y[index]", "that is y, not dy"),
        ("y[index] > REAL(0)", "y[index] == REAL(0)", "the wrong ones pass"),
        ("dx[index] =", "dx[index] +=", "the result holds nothing at first"),
        (SIZE_LOOP, NO_GUARD, "the last block is ragged"),
    ],
    "bias_forward": [
        ("y[index] +=", "y[index] =", "written over y"),
        ("index / plane % c", "index % c", "only where the channels stand last"),
        ("y[index] +=", "y[index] -=", "taken away, not added"),
        ("index / plane % c", "index / plane", r"bias\[5\], past its 5.*of the wrong sizes"),
        ("index / plane % c", "index / (c * plane) % c", "of its pixel, or of its image"),
        ("index / plane % c", "(index / plane + 1) % c", "of the next channel"),
    ],
    "bias_backward": [
        ("i += blockDim.x", "i += n * plane", "one element only"),
        ("__syncthreads();  // every", "// every", "a barrier is missing"),
        ("__syncthreads();  // and", "// and", "a barrier is missing"),
        ("        sum = warp_sum(sum);\n", "", "of each warp the first thread's sum alone"),
        ("lane < warps ? partial", "lane < 1 ? partial", "the first warp alone"),
        ("(ni * c + ci) * plane", "(ci * n + ni) * plane", "images and channels are exchanged"),
        ("ci += gridDim.x", "ci += c", r"fewer blocks \(2\) than rows"),
        ("if (warp == 0) {", "if (warp == 0) { __syncthreads();", "every thread of the block"),
    ],
    "softmax_cross_entropy_forward": [
        ("exp(shifted)", "exp(logit[j])", "overflow"),
        (LOSS, "-log(probability[labels[row]])", "reads what another one writes"),
        ("[labels[row]] - largest)", "[labels[row]])", "largest logit is not subtracted"),
        ("probability[j] /= sum;", "", "not divided by the sum"),
        ("logit[labels[row]]", "logit[0]", "of class 0, not of the label"),
        ("row += gridDim.x", "row += n", r"fewer blocks \(2\) than rows"),
    ],
    "tanh_backward": [
        ("y[index] * y[index]", "y[index]", "y is not squared"),
        ("dy[index] * (", "(", "that is the slope alone"),
        ("(REAL(1) - y[index] * y[index])", "y[index] * (REAL(1) - y[index])", "the sigmoid's"),
        ("REAL(1) -", "REAL(1) +", "the square is added"),
        ("y[index] * y[index]", "dy[index] * dy[index]", "dy is squared, not y"),
        (SIZE_LOOP, NO_GUARD, "the last block is ragged"),
    ],
    "softmax_cross_entropy_backward": [
        ("dloss[row] *", "", "dloss is left out"),
        ("- target", "+ target", "the target is added"),
        ("probabilities[index] - target", "target - probabilities[index]", "the sign is wrong"),
        ("dloss[row]", "dloss[0]", "of the first row is taken for all"),
        ("index / classes", "index % classes", r"dloss is \(3,\)|labels is \(3,\)"),
        (LOOP, NO_LOOP, r"fewer threads \(512\) than elements"),
    ],
    "im2col": [
        ("- pad_top", "", "the padding is left out"),
        ("ohi * stride_h", "ohi", "stride_h is left out"),
        ("inside ? image[hi * w + wi] : REAL(0)", "image[hi * w + wi]", "below 0"),
        (
            "column[(khi * kw + kwi) * columns]",
            "column[((kh - 1 - khi) * kw + kw - 1 - kwi) * columns]",
            "the window is mirrored",
        ),
        ("(khi * kw + kwi) *", "(kwi * kh + khi) *", r"khi\*kw \+ kwi"),
        (LOOP, NO_LOOP, "are never written"),
    ],
    "max_pool_backward": [
        ("if (argmax[window] == khi * kw + kwi)", "", "every pixel of a window"),
        ("index / w % h + pad_top", "index / w % h", "the padding is left out"),
        ("oh - 1)", "oh - 2)", "the last row of windows"),
        ("sum += dy", "sum = dy", "only one window counts"),
        ("== khi * kw + kwi", "== kwi * kh + khi", r"it is khi\*kw \+ kwi"),
        ("== khi * kw + kwi", "== kh * kw - 1 - khi * kw - kwi", "the window is mirrored"),
        ("dx[index] = sum", "if (sum != 0) dx[index] = sum", "are never written"),
    ],
    "avg_pool_backward": [
        ("/ REAL(pixels)", "/ REAL(kh * kw)", r"the divisor is kh\*kw"),
        ("/ REAL(pixels)", "", "there is no divisor"),
        ("index / w % h + pad_top", "index / w % h", "the padding is left out"),
        ("oh - 1)", "oh - 2)", "the last row of windows"),
        ("REAL sum = 0", "float sum = 0", "a float is meant"),
        ("dx[index] = sum", "dx[index] = -sum", "-1 times what it should be"),
        ("dx[index] = sum", "dx[index] += sum", "the result holds nothing at first"),
    ],
    "lrn_backward": [
        (
            "max(i + size / 2 - size + 1, 0);\n            const int j_end = min(i + size / 2 + 1,",
            "max(i - size / 2, 0);\n            const int j_end = min(i - size / 2 + size,",
            "the window is not mirrored",
        ),
        ("- 2 * alpha * beta * x[here] * sum", "", "over the neighbours is missing"),
        ("2 * alpha", "alpha", "the factor 2 is missing"),
        ("i + size / 2 + 1, channels", "i + size / 2, channels", "the last channel of reach"),
        ("beta * x[here] * sum", "beta * sum", r"x\[i\] is missing"),
        ("/ scale[there]", "/ scale[base + i * plane]", "scale of channel i"),
        ("dy[there] * y[there]", "dy[there] * x[there]", "x is taken for y"),
    ],
    "local_forward": [
        ("* places + place", "* places", "that is a convolution"),
        ("ci < c;", "ci < 1;", "only the first channel counts"),
        ("place / ow * stride_h - pad_top", "place / ow * stride_h", "the padding is left out"),
        ("index / places / filters", "0", "every image is the first one"),
        ("(fi * c + ci)", "ci", "every map has the first one's filters"),
        (LOOP, NO_LOOP, r"fewer threads \(256\) than elements"),
    ],
    "local_backward": [
        ("index / w % h + pad_top", "index / w % h", "the padding is left out"),
        ("khi * kw + kwi) * oh * ow + place", "khi * kw + kwi) * oh * ow", "a convolution"),
        ("fi < filters;", "fi < 1;", "only the first filter counts"),
        ("oh - 1)", "oh - 2)", "the last row of windows"),
        ("sum += filter", "sum = filter", "only the last product has arrived"),
        (
            "khi = row - ohi * stride_h;\n                    const int kwi = column -",
            "khi = kh - 1 - row + ohi * stride_h;\n                    "
            "const int kwi = kw - 1 - column +",
            "the window is mirrored",
        ),
        ("(fi * c + ci)", "fi * c", "every channel has the first one's filters"),
        ("dx[index] = sum", "if (sum != 0) dx[index] = sum", "are never written"),
    ],
    "local_backward_weight": [
        ("ni < n;", "ni < 1;", "only the first image"),
        ("sum += dy", "sum = dy", "only the last image has arrived"),
        ("- pad_top", "", "the padding is left out"),
        ("place / ow * stride_h", "place / ow", "stride_h is left out"),
        ("hi >= 0 && hi < h && ", "hi < h && ", "an index below 0"),
        ("dweight[index] = sum", "if (sum != 0) dweight[index] = sum", "are never written"),
        ("dweight[index] = sum", "dweight[index] = sum / n", "that is the mean over the images"),
        (LOOP, NO_LOOP, r"fewer threads \(256\) than elements"),
    ],
    "lrn_within_backward": [
        (
            "index / w % h + size / 2 - size + 1;\n        const int left = index % w + size / 2"
            " - size + 1",
            "index / w % h - size / 2;\n        const int left = index % w - size / 2",
            "the window is not mirrored",
        ),
        ("- 2 * alpha * beta * x[index] * sum", "", "over the neighbours is missing"),
        ("2 * alpha", "alpha", "the factor 2 is missing"),
        ("- 2 *", "+ 2 *", "the sum is added"),
        ("top + size, h)", "top + size - 1, h)", "the last row of reach"),
        ("x[index] * sum", "sum", r"x\(p\) is missing"),
        ("/ scale[there]", "/ scale[index]", "scale of the pixel itself"),
        ("dy[there] * y[there]", "dy[there] * x[there]", "x is taken for y"),
        ("hi = max(top, 0)", "hi = top", "an index below 0"),
    ],
    "dropout_forward": [
        ("= offset + ", "= ", "offset is left out"),
        ("cols * full_cols", "cols * cols", "a row has full_cols elements"),
        ("const long long place", "const int place", "the upper half of the index is lost"),
        ("word >= threshold", "word < threshold", "the wrong ones are kept"),
        ("(p * 4294967296.0)", "((1 - p) * 4294967296.0)", "p is the probability to drop"),
        ("(int)(place % 4)", "0", "word 0 is taken for all"),
        ("place / 4", "place", "a group of its own"),
        ("(unsigned int)(counter >> 32)", "0", "the upper half of counter is lost"),
        ("(unsigned int)(seed >> 32)", "0", "the upper half of seed is lost"),
        ("round < 10", "round < 9", "ten rounds"),
        ("key0 += 0x9E3779B9u;\n            key1 += 0xBB67AE85u;", "", "the key stays"),
        ("x[index] * scale", "x[index]", "scale is left out"),
        (LOOP, NO_LOOP, r"fewer threads \(256\) than elements"),
    ],
    "dropout_backward": [
        ("unsigned int)counter", "unsigned int)counter + 1", "the mask of another call"),
        ("word >= threshold ? dy[index] * scale : REAL(0)", "dy[index] * scale", "all are kept"),
        ("dy[index] * scale", "dy[index]", "scale is left out"),
        ("(int)(place % 4)", "0", "word 0 is taken for all"),
        ("= offset + ", "= ", "offset is left out"),
        ("dx[index] =", "if (word >= threshold) dx[index] =", "are never written"),
        ("dx[index] =", "dx[index] +=", "the result holds nothing at first"),
    ],
    "gemm_naive": [
        ("    if (column >= n) return;\n", "", "runs past the end of a row"),
        ("a[row * k + i]", "a[i * m + row]", "a is read down its columns"),
        ("b[i * n + column]", "b[column * k + i]", "b is read along its rows"),
        ("c[row * n + column]", "c[column * m + row]", "c is written down its columns"),
        ("sum += a", "sum = a", "only the last product has arrived"),
        ("i < k;", "i < k - 1;", "the last i is left out"),
        ("int i = 0", "int i = 1", "the first i is left out"),
        ("row += gridDim.y * blockDim.y", "row = m", r"up to row 7.*fewer blocks \(1\)"),
        ("c[row * n + column] = sum", "c[row * n + column] += sum", "holds nothing at first"),
    ],
    "gemm_tiled": [
        ("__syncthreads();  // the", "// the", "a barrier is missing"),
        ("__syncthreads();  // all", "// all", "a barrier is missing"),
        ("for (int step", "if (top + threadIdx.y >= m) return;\n for (int step", "every thread of"),
        ("step < k;", "step < k - 31;", "the last tile along k, which is not 32 deep"),
        ("step < k;", "step < 32;", "only the first 32 products count"),
        (
            "__syncthreads();  // the tiles are full",
            "__syncthreads();\n for (int i = 0; i < 16; ++i) sum[i / 4][i % 4] = 0;",
            "only the last tile of 32 has arrived",
        ),
        ("top += gridDim.y * 64", "top = m", r"up to row 63.*fewer blocks \(1\)"),
        ("if (row < m && column < n) ", "", "runs past the end of its row"),
        ("b[i * n + column]", "b[column * k + i]", "b is read along its rows"),
        (
            "for (int top = blockIdx.y * 64; top < m; top += gridDim.y * 64) {\n"
            "        REAL sum[4][4] = {};",
            "REAL sum[4][4] = {};\n"
            "    for (int top = blockIdx.y * 64; top < m; top += gridDim.y * 64) {",
            "the sums of the tile above are still there",
        ),
    ],
    "augment": [
        ("flip[ni] ? ow - 1 - owi : owi", "owi", "no crop is mirrored"),
        ("flip[ni] ?", "!flip[ni] ?", "the wrong crops are mirrored"),
        (
            "left[ni] + (flip[ni] ? ow - 1 - owi : owi)",
            "(flip[ni] ? w - 1 - left[ni] - owi : left[ni] + owi)",
            "the whole image is mirrored",
        ),
        ("top[ni] + ohi", "ohi", "top is left out"),
        ("left[ni] + ", "", "left is left out"),
        ("* ow + owi]", "* ow + wi - left[ni]]", "the mean is mirrored too"),
        ("shift[map]", "shift[ci]", "all images have the shift of the first"),
        (" * scale[ci]", "", "the scale is left out"),
        ("REAL(images", "REAL((signed char)images", "bytes are unsigned"),
        (LOOP, NO_LOOP, r"fewer threads \(256\) than elements"),
    ],
    "tanh_forward": [
        (
            "tanh(x[index])",
            "(exp(x[index]) - exp(-x[index])) / (exp(x[index]) + exp(-x[index]))",
            r"y\[1\] is -?nan, wanted is 1 .*e\^x has overflowed: divide",
        ),
        (
            "tanh(x[index])",
            "(exp(2 * x[index]) - 1) / (exp(2 * x[index]) + 1)",
            "overflowed on the right",
        ),
        ("tanh(x[index])", "1 / (1 + exp(-x[index]))", "that is the sigmoid"),
        ("tanh(x[index])", "1 - tanh(x[index]) * tanh(x[index])", "that is the slope"),
        ("tanh(x[index])", "tanhf(x[index])", "a float is meant"),
        ("tanh(x[index])", "tanh(-x[index])", "the sign is wrong"),
        (SIZE_LOOP, NO_LOOP.replace("total", "size"), r"fewer threads \(256\) than elements"),
        (SIZE_LOOP, NO_GUARD, "the last block is ragged"),
    ],
    "sgd_update": [
        ("weight_decay * lr * weight", "weight_decay * weight", "weight decay lacks the rate"),
        ("- weight_decay * lr * weight[index]", "", "there is no weight decay"),
        ("momentum * velocity[index] -", "-", "there is no momentum"),
        ("lr * grad[index]", "grad[index]", "the gradient lacks the rate"),
        ("weight[index] += v", "weight[index] -= v", "taken from the weight"),
        ("velocity[index] = v", "velocity[index] = -v", r"velocity\[0\] is .*-1 times"),
        ("velocity[index] = v;", "", r"writes nothing to velocity"),
    ],
    "avg_pool_forward": [
        ("clipped(top, kh, h) * clipped(left, kw, w)", "kh * kw", r"the divisor is kh\*kw"),
        ("sum / REAL(clipped(top, kh, h) * clipped(left, kw, w))", "sum", "there is no divisor"),
        ("- pad_top", "", "the padding is left out"),
        ("hi = max(top, 0)", "hi = top", "an index below 0|the sum"),
        ("ohi * stride_h", "ohi", "stride_h is left out"),
        ("min(left + kw, w)", "left + kw", "wanted is|out of bounds"),
        ("REAL sum = 0", "float sum = 0", "a float is meant"),
    ],
    "max_pool_forward": [
        ("REAL best = image[hi_first * w + wi_first]", "REAL best = 0", "padding counts as 0"),
        (" || (value != value && best == best)", "", "a NaN is lost"),
        ("min(top + kh, h)", "min(top + kh - 1, h)", "the last row of each window"),
        ("- pad_top", "", "the padding is left out"),
        ("value > best", "value >= best", "the first must"),
        (
            "argmax[index] = place",
            "argmax[index] = (top + place / kw) * w + left + place % kw",
            "the place in the image",
        ),
        ("argmax[index] = place;", "", "writes nothing to argmax"),
    ],
    "lrn_forward": [
        ("alpha * squares", "alpha / size * squares", "alpha is divided by size"),
        ("pow(s, -beta)", "pow(s, beta)", "the power is beta"),
        ("k + alpha", "alpha", "k is left out"),
        ("x[here] * pow", "pow", "x is left out"),
        ("value * value", "value", "x is not squared"),
        ("alpha * squares", "squares", "alpha is left out"),
        ("scale[here] = s;", "", "writes nothing to scale"),
    ],
    "col2im": [
        ("index / w % h + pad_top", "index / w % h", "the padding is left out"),
        ("oh - 1)", "oh - 2)", "the last row of windows is left out"),
        ("sum +=", "sum =", "only one window counts"),
        (
            "khi = row - ohi * stride_h, kwi = column - owi * stride_w",
            "khi = kh - 1 - row + ohi * stride_h, kwi = kw - 1 - column + owi * stride_w",
            "the window is mirrored",
        ),
        ("khi * kw + kwi", "kwi * kh + khi", r"khi\*kw \+ kwi"),
        ("dx[index] = sum", "dx[index] = 2 * sum", "2 times what it should be"),
        ("dcol + (ci * kh * kw * n + ni) * oh * ow", "dcol", "the first map is right"),
        (
            "dcol + (ci * kh * kw * n + ni) * oh * ow",
            "dcol + (ni * c + ci) * kh * kw * oh * ow",
            r"of the wrong sizes: dcol is \(24, 3, 30\)",
        ),
    ],
}
ANSWERS = [(kernel, *answer) for kernel, answers in WRONG.items() for answer in answers]


def solution(kernel: str) -> str:
    """The text of a right one: tests/gym/ has one of each, and stays as it is if ours changes."""
    return (SOLUTIONS / f"{kernel}.cu").read_text(encoding="utf-8")


def changed(kernel: str, old: str, new: str) -> str:
    """The solution with a mistake in its kernel."""
    before, start, body = solution(kernel).partition(f"void {kernel}_kernel(")
    assert body.count(old) == 1
    return before + start + body.replace(old, new)


def of(kernel: str, text: str):
    return verdict(EXERCISES[kernel], text, f"{kernel}.cu")


def test_enough_wrong_answers_are_planted():
    assert WRONG.keys() == EXERCISES.keys()
    assert all(len(answers) >= 6 for answers in WRONG.values())


@pytest.fixture(autouse=True)
def short_launches(monkeypatch):
    monkeypatch.setenv("TINYNET_SIM_TIMEOUT", "0.3")
    monkeypatch.setenv("TINYNET_SIM_ORDER", "forward")  # the judge sets it: this puts it back


@pytest.mark.parametrize("kernel, old, new, reason", ANSWERS)
def test_a_wrong_answer_is_told_why_it_is_wrong(kernel, old, new, reason):
    found = of(kernel, changed(kernel, old, new))
    assert not found.solved
    assert re.search(reason, found.text, re.DOTALL), found.text


@pytest.mark.parametrize("kernel", EXERCISES)
def test_the_starter_fails_and_the_reference_passes(kernel):
    exercise = EXERCISES[kernel]
    found = of(kernel, exercise.starter)
    assert not found.solved
    writes_nothing = f"the kernel writes nothing to {KERNELS[kernel].parameters[0].name} yet"
    assert writes_nothing in found.text
    assert of(kernel, KERNELS[kernel].source).text.startswith("solved")
    assert all(line.isascii() and len(line) <= 100 for line in exercise.starter.splitlines())
    assert len(set(exercise.hints)) == 3


@pytest.mark.parametrize("kernel", EXERCISES)
def test_no_known_mistake_is_right(kernel):
    exercise = EXERCISES[kernel]
    for attempt in exercise.tries[:1]:
        given = exercise.arguments(attempt)
        right = exercise.right(given)
        written = [p.name for p in KERNELS[kernel].parameters if p.is_pointer and not p.is_const]
        outputs = [right[name] for name in written]
        for predicted in exercise.mistakes(given).values():
            assert not any(
                predicted.shape == y.shape and np.allclose(predicted, y, equal_nan=True)
                for y in outputs
            )


# --------------------------------------------------------------------------------- what it costs


def test_a_solution_that_asks_for_too_much_is_told_which_line_does():
    """Each thread takes neighbouring elements, so that those of a warp lie far apart."""
    scattered = """
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    const int each = (size + gridDim.x * blockDim.x - 1) / (gridDim.x * blockDim.x) + 15;
    for (int index = first * each; index < min(size, (first + 1) * each); ++index) {
        y[index] = x[index] < REAL(0) ? REAL(0) : x[index];
    }"""
    exercise = EXERCISES["relu_forward"]
    found = of("relu_forward", exercise.starter.replace("    // Yours to write.", scattered))
    assert found.solved
    assert re.search(r"asks for \d+\.\d times as many sectors .* as ours", found.text)
    assert "`y[index] = x[index] < REAL(0) ? REAL(0) : x[index];`" in found.text


def test_a_tile_that_is_copied_down_its_columns_asks_for_too_much():
    text = solution("gemm_tiled")
    for old, new in (
        ("i = step + t / 64, column = left + t % 64", "i = step + t % 32, column = left + t / 32"),
        ("b_tile[t / 64][t % 64]", "b_tile[t % 32][t / 32]"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    found = of("gemm_tiled", text)
    assert found.solved
    assert re.search(r"asks for .* sectors.* as ours.*Line \d+ .*b\[i \* n", found.text), found.text


def test_a_solution_must_compile_for_float_too():
    text = KERNELS["relu_forward"].source + 'static_assert(sizeof(REAL) == 8, "double only");\n'
    found = of("relu_forward", text)
    assert not found.solved and "in float" in found.text and "double only" in found.text


# --------------------------------------------------------------------------------- bad input


BAD = {
    "another name": (
        "relu_forward_kernel",
        "relu_kernel",
        "there is no kernel relu_forward_kernel",
    ),
    "another type": (
        "const REAL* x",
        "const float* x",
        r"is `const REAL\* x`, here `const float\* x`",
    ),
    "one too many": ("int size)", "int size, int more)", "takes 3 parameters, here it has 4"),
    "no C": ("// Yours to write.", "y[0] = nothing;", r"does not compile: relu_forward.cu:\d+: .*"),
    "shared memory": (
        "// Yours to write.",
        "__shared__ REAL all[6145]; y[0] = all[0] = 1;",
        "49160 bytes .*; a block has 49152",
    ),
    "outside": ("// Yours to write.", "y[1 << 20] = 0;", "out of bounds"),
    "a crash": ("// Yours to write.", "*(int*)8 = 1;", "memory that does not exist"),
    "division by 0": ("// Yours to write.", "y[0] = size / (size - size);", "division by zero"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_solution_that_cannot_be_one(name):
    old, new, reason = BAD[name]
    found = of("relu_forward", EXERCISES["relu_forward"].starter.replace(old, new))
    assert not found.solved
    assert re.search(reason, found.text), found.text


def starter_with(line: str) -> str:
    return EXERCISES["relu_forward"].starter.replace("// Yours to write.", line)


def test_megabytes_that_are_printed_are_cut():
    text = starter_with('for (int i = 0; i < 2000; ++i) printf("%d megabytes\\n", i);')
    found, printed = judge(EXERCISES["relu_forward"], text, "loud.cu")
    assert not found.solved and "writes nothing to y yet" in found.text
    assert len(printed) == PRINTED and "megabytes" in printed


def test_a_kernel_that_ends_the_process_solves_nothing():
    text = "#include <stdlib.h>\n" + starter_with("exit(0);")
    found, _ = judge(EXERCISES["relu_forward"], text, "quits.cu")
    assert not found.solved and "ended the judge's process (status 0)" in found.text


# --------------------------------------------------------------------------------- the command


def gym(*words) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = command.main([str(word) for word in words])
        except SystemExit as end:
            status = end.code
    return status, out.getvalue(), err.getvalue()


def test_the_list_and_a_starter_and_its_verdict(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, _ = gym()
    assert status == 0 and re.findall(r"^ *\d+  (\w+)", out, re.MULTILINE) == [*EXERCISES]
    status, out, _ = gym("relu_backward")
    assert status == 0 and "relu_backward.cu" in out
    assert Path("relu_backward.cu").read_text() == EXERCISES["relu_backward"].starter
    Path("relu_backward.cu").write_text("mine")
    status, _, err = gym("relu_backward")
    assert status == 2 and err == "error: relu_backward.cu is there already: it is left as it is\n"
    assert Path("relu_backward.cu").read_text() == "mine"
    status, out, _ = gym("relu_backward", "relu_backward.cu")
    assert status == 1 and "there is no kernel relu_backward_kernel" in out


def test_status_0_is_for_a_solution(tmp_path):
    file = tmp_path / "mine.cu"
    file.write_text(KERNELS["relu_backward"].source)
    status, out, err = gym("relu_backward", file)
    assert (status, err) == (0, "") and out.startswith("solved: right in 3 shapes")
    assert gym("relu_backward", "--hint", "2")[:2] == (
        0,
        EXERCISES["relu_backward"].hints[1] + "\n",
    )


@pytest.mark.parametrize(
    "words, message",
    [
        (["tanh"], "there is no exercise 'tanh'; there are relu_forward, "),
        (["relu_forward", "missing.cu"], "missing.cu: No such file or directory"),
        (["relu_forward", "."], "a folder, wanted a regular file"),
        (["relu_forward", "--train"], "--train expects the FILE.cu of a solution"),
        (["relu_forward", "--hint", "4"], "--hint"),
    ],
)
def test_what_the_command_refuses(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = gym(*words)
    assert (status, out) == (2, "") and message in err.splitlines()[-1]


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "a.cu").write_bytes(b"\xff\xfe")
    status, _, err = gym("relu_forward", tmp_path / "a.cu")
    assert status == 2 and err.endswith("a.cu: expects a text in UTF-8\n")


# --------------------------------------------------------------------------------- training with it


def test_the_network_that_learns_runs_the_kernel_of_every_exercise():
    program = Path(__file__).with_name("gym_launches.py")  # in a process of its own
    command = [sys.executable, program]
    result = subprocess.run(command, capture_output=True, text=True, cwd=program.parent)
    assert result.returncode == 0, result.stderr
    assert EXERCISES.keys() <= set(result.stdout.split())


def test_a_network_learns_with_a_solution_as_with_ours():
    exercise, ours = EXERCISES["relu_backward"], list(training.losses(3))
    kept = KERNELS["relu_backward"]
    with training.in_place_of_ours(exercise, KERNELS["relu_backward"].source):
        assert KERNELS["relu_backward"] is not kept
        assert list(training.losses(3)) == ours
    with training.in_place_of_ours(exercise, changed("relu_backward", "? dy[index]", "? REAL(1)")):
        wrong = list(training.losses(3))
    assert wrong[0] == ours[0] and wrong[1:] != ours[1:]
    assert KERNELS["relu_backward"] is kept
