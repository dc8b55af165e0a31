"""`python -m tinynet.kernels`: the list of kernels, one shown, and what check and profile say."""

import inspect
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from math import prod

import numpy as np
import pytest

import tinynet
from tinynet import simulator
from tinynet.kernels import KERNELS, definitions
from tinynet.kernels.__main__ import main
from tinynet.kernels.catalogue import examples, headers, reading, resources, trials
from tinynet.kernels.launching import gate

needs_simulator = pytest.mark.skipif(
    bool(simulator.unavailable()), reason=simulator.unavailable() or ""
)
CXXFILT = shutil.which("c++filt")
every_kernel = pytest.mark.parametrize("kernel", KERNELS)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("TINYNET_SIM", "TINYNET_SIM_ORDER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def no_compilers(monkeypatch, tmp_path):
    """A machine with neither a C++ compiler nor a CUDA compiler."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    for name in ("cupy", "cupy.cuda"):  # the second is found without the first, once imported
        monkeypatch.setitem(sys.modules, name, None)
    resources.compiler.cache_clear()
    yield
    resources.compiler.cache_clear()


def line_of(kernel, text):
    """The number, from 1, of the one line of the kernel's file that has this text."""
    (line,) = [i for i, line in enumerate(KERNELS[kernel].source.splitlines(), 1) if text in line]
    return line


# ------------------------------------------------------------------------ what the headers say


@every_kernel
def test_kernels_headers_give_formula_and_shapes(kernel):
    lines = KERNELS[kernel].source.splitlines()
    assert headers.opening(KERNELS[kernel]) == lines[: len(headers.opening(KERNELS[kernel]))]
    assert any(line.startswith("//     ") for line in headers.opening(KERNELS[kernel]))
    assert re.match(rf"// {kernel}\b", headers.header(KERNELS[kernel])[0])
    pointers = [p for p in KERNELS[kernel].parameters if p.is_pointer]
    found = headers.arrays(KERNELS[kernel])
    assert [array.name for array in found] == [p.name for p in pointers]
    for array, pointer in zip(found, pointers):
        assert (array.role == "in") == pointer.is_const, f"{array.name}: (out) or const is missing"


def test_kernels_headers_are_read_as_they_stand():
    assert headers.opening(KERNELS["sgd_update"]) == [
        "// Stochastic gradient descent with momentum and weight decay (AlexNet, sec. 5):",
        "//",
        "//     v <- momentum * v - weight_decay * lr * w - lr * grad",
        "//     w <- w + v",
    ]
    assert headers.header(KERNELS["relu_backward"]) == [
        "// relu_backward:  dx = dy where y > 0, else 0       (the derivative at 0 is taken as 0)",
        "//   dx (out), dy, y  (size,)",
    ]
    assert headers.arrays(KERNELS["im2col"]) == (
        headers.Array("col", "out", ("c*kh*kw", "n", "oh*ow")),
        headers.Array("x", "in", ("n", "c", "h", "w")),
    )
    weight, velocity, grad = headers.arrays(KERNELS["sgd_update"])
    assert (weight.role, velocity.role, grad.role) == ("in, out", "in, out", "in")
    first, last = headers.extent(KERNELS["col2im"])
    assert KERNELS["col2im"].source.splitlines()[first - 1].startswith("// col2im:")
    assert last == len(KERNELS["col2im"].source.splitlines())


# -------------------------------------------------------------------------------- the examples


@pytest.mark.parametrize("real", examples.REAL)
@every_kernel
def test_kernels_examples_are_arguments_for_kernel_and_twin(kernel, real):
    example, dtype = examples.EXAMPLES[kernel], examples.REAL[real]
    assert set(example.profiled) <= set(example.sizes)
    for sizes in (*example.checked, example.counted):
        given = examples.arguments(KERNELS[kernel], sizes, dtype, np.random.default_rng(0))
        assert gate.check(tinynet.device("cpu"), KERNELS[kernel], tuple(given)) == dtype
        KERNELS[kernel].twin(*given)
        for array, value in zip(headers.arrays(KERNELS[kernel]), given):
            if array.role != "in":  # every element has been written
                assert np.isfinite(value).all() and (value.dtype != np.int32 or (value >= 0).all())


def test_kernels_examples_have_the_bytes_and_flops_worked_out_by_hand():
    def at_alexnet(kernel):
        return examples.bytes_moved(kernel, np.dtype(np.float32)), examples.flops(kernel)

    n = 128
    assert at_alexnet("im2col") == (4 * n * (3 * 224 * 224 + 3 * 11 * 11 * 55 * 55), 0)
    assert at_alexnet("relu_forward") == (2 * 4 * n * 96 * 55 * 55, n * 96 * 55 * 55)
    assert at_alexnet("sgd_update") == (5 * 4 * 4096 * 9216, 6 * 4096 * 9216)
    fc6 = (n, 9216), (9216, 4096), (n, 4096)
    assert at_alexnet("gemm_tiled") == (4 * sum(map(prod, fc6)), 2 * n * 9216 * 4096)
    crops = n * 3 * 224 * 224  # bytes read from the images, floats written
    small = n * 3 * 4 + n * 3 * 4 + 3 * 224 * 224 * 4 + 3 * 4
    assert at_alexnet("augment") == (crops + 4 * crops + small, 3 * crops)


# ----------------------------------------------------------------------------------- one to read


@pytest.mark.parametrize("width", [80, 100, 250])
@pytest.mark.parametrize("file", sorted({kernel.file for kernel in KERNELS.values()}))
def test_kernels_to_read_are_shown_whole(file, width, capsys):
    kernels = [name for name, kernel in KERNELS.items() if kernel.file == file]
    reading.show(kernels, width)
    shown = re.sub(r"\s", "", capsys.readouterr().out)
    twin = inspect.getsource(inspect.getmodule(KERNELS[kernels[0]].twin))
    for line in (KERNELS[kernels[0]].source + twin).splitlines():
        assert re.sub(r"\s", "", line) in shown


@pytest.mark.parametrize("width", [80, 100, 179, 180, 200])
@every_kernel
def test_kernels_to_read_fit_the_screen(kernel, width, capsys):
    reading.show([kernel], width)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= width


def test_kernels_to_read_stand_beside_their_twins(capsys):
    reading.show(["lrn_forward", "lrn_backward"], 200)
    rows = capsys.readouterr().out.splitlines()
    for name in ("lrn_forward", "lrn_backward"):
        _, row = [row for row in rows if f"def {name}(" in row]  # the first is the definition
        number = headers.extent(KERNELS[name])[0]
        assert row.startswith(f"{number:3} // {name}")


@pytest.mark.parametrize("width", [80, 250])
@pytest.mark.parametrize(
    ("names", "helpers"),
    [
        ("im2col col2im", "taps conv"),
        ("local_forward local_backward local_backward_weight", "taps"),
        ("max_pool_forward max_pool_backward", "taps"),
        ("avg_pool_forward avg_pool_backward", "taps"),
        ("lrn_forward lrn_backward", "neighbours"),
        ("lrn_within_forward lrn_within_backward", "taps"),
        ("col2im", "taps"),
    ],
)
def test_kernels_with_a_window_are_shown_below_their_definition(names, helpers, width, capsys):
    reading.show(names.split(), width)
    shown = re.sub(r"\s", "", capsys.readouterr().out)
    above = shown[: shown.index(".cu---")]  # where the .cu file begins
    for name in f"{names} {helpers}".split():
        assert re.sub(r"\s", "", inspect.getsource(getattr(definitions, name))) in above
    assert sorted(re.findall(r"def([a-z_0-9]+)\(", above)) == sorted(f"{names} {helpers}".split())


def test_kernels_without_a_window_have_no_definition(capsys):
    reading.show(["relu_forward"], 100)
    assert capsys.readouterr().out.startswith("    activation.cu ---")


def test_kernels_to_read_can_be_one_of_a_file(capsys):
    reading.show(["bias_backward"], 200)
    shown = capsys.readouterr().out
    assert "bias_backward_kernel" in shown and "def bias_backward" in shown
    assert "warp_sum(REAL value) {" in shown  # the device function that it calls
    assert "bias_forward" not in shown


# --------------------------------------------------------------------------------------- the list


def test_kernels_are_listed_without_any_compiler(no_compilers, capsys):
    assert main([]) == 0
    out, err = capsys.readouterr()
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line[:1].strip()}
    assert set(KERNELS) <= set(rows)
    assert rows["gemm_tiled"] == ["fc6", "150.5", "9,663.7", "61.24", *"------"]
    assert "no CUDA compiler" in out and "needs a C++ compiler" in out and err == ""
    assert "lrn_forward" in out and "y, scale (128, 96, 3025) from x (128, 96, 3025)" in out
    for kernel in KERNELS:
        assert "\n".join(headers.header(KERNELS[kernel])) in out
    assert max(map(len, out.splitlines())) <= 100


@needs_simulator
def test_kernels_list_says_what_check_and_profile_found(capsys):
    assert main(["sgd"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line[:4] == "sgd_")
    kernel, layer, megabytes, megaflops, intensity, *taken, check, read, write = row.split()
    assert (layer, megabytes, megaflops, intensity) == ("fc6", "720.0", "226.5", "0.30")
    assert (check, read, write) == ("clean", "4.0", "4.0")
    if resources.compiler() is not None:
        registers, spilled, shared = map(int, taken)
        assert 8 <= registers <= 64 and spilled == shared == 0


@needs_simulator
def test_kernels_list_names_what_is_wrong(capsys, monkeypatch):
    broken = KERNELS["sgd_update"].source.replace("index < size;", "index <= size;")
    monkeypatch.setattr(KERNELS["sgd_update"], "source", broken)
    assert main(["sgd"]) == 1
    out = capsys.readouterr().out
    line = line_of("sgd_update", "const REAL v = ")
    assert "WRONG" in out and f"! sgd.cu:{line}: sgd_update_kernel: out of bounds" in out


# -------------------------------------------------------------------------------- check and profile


@needs_simulator
def test_kernels_check_says_clean(capsys, monkeypatch):
    assert main(["bias", "--check"]) == 0
    out = capsys.readouterr().out
    assert "bias_forward   clean; equal to its twin to the bit" in out
    assert re.search(r"bias_backward  clean; at most \d\.\d units in the last place", out)
    assert "forward and reversed order" in out
    monkeypatch.setenv("TINYNET_SIM", "check")
    monkeypatch.setenv("TINYNET_SIM_ORDER", "random:3")
    assert main(["bias_forward"]) == 0
    out = capsys.readouterr().out
    assert "bias_forward  clean" in out and "random:3 order" in out


@needs_simulator
def test_kernels_check_finds_seeded_bugs():
    def findings(old, new):
        text = KERNELS["bias_backward"].source
        assert old in text
        return trials.check("bias_backward", text=text.replace(old, new)).findings

    assert findings("", "") == ()
    no_barrier = findings("__syncthreads();  // every", "// every")
    at = line_of("bias_backward", "if (warp == 0)") + 1
    assert no_barrier[0].startswith(f"bias.cu:{at}: bias_backward_kernel: race: partial[")
    (wrong,) = findings("if (lane == 0) dbias[ci] = sum;", "if (lane == 0) dbias[ci] = 2 * sum;")
    assert wrong.startswith("bias.cu: bias_backward_kernel: dbias[") and "its twin's" in wrong
    (no_kernel,) = findings("REAL sum = 0;", "REAL sum = ;")
    assert no_kernel.startswith(f"bias.cu:{line_of('bias_backward', 'REAL sum = 0;')}: compile:")


@needs_simulator
def test_kernels_check_runs_in_both_orders(monkeypatch):
    seen, augment = [], KERNELS["augment"].twin

    def spy(*arguments):
        seen.append((os.environ["TINYNET_SIM_ORDER"], arguments[0].dtype))
        augment(*arguments)

    monkeypatch.setattr(KERNELS["augment"], "twin", spy)
    assert trials.check("augment", ["float", "double"]).findings == ()
    assert seen == [
        (order, np.dtype(real))
        for real in (np.float32, np.float64)
        for order in ("forward", "reversed")
    ]
    assert "TINYNET_SIM_ORDER" not in os.environ


@needs_simulator
def test_kernels_profile_gives_sectors_by_source_line(capsys, monkeypatch):
    monkeypatch.setenv("TINYNET_SIM", "profile")
    assert main(["conv"]) == 0
    out = capsys.readouterr().out
    text = "column[(khi * kw + kwi) * columns] = inside ? image[hi * w + wi] : REAL(0);"
    assert f"conv.cu:{line_of('im2col', text)}  {text}\n" in out
    number = r"([\d.]+) sectors x +[\d,]+ requests of ([\d.]+) lanes  #+"
    (read,), (write,) = (
        re.findall(rf"global {access} +{number}", out.partition("col2im as")[0])
        for access in ("read", "write")
    )
    assert 16 < float(read[0]) <= 17 and 4 < float(write[0]) <= 5  # stride 4; one run
    assert "4 is perfect" in out and "col2im" in out


# ------------------------------------------------------------------------------- the command line


def test_kernels_command_refuses_in_one_line(capsys, monkeypatch, no_compilers):
    def refusal(*argv):
        assert main(list(argv)) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1
        return err

    unknown = refusal("lrm")
    assert "'lrm'" in unknown and all(name in unknown for name in ("lrn", "conv", *KERNELS))
    assert "needs a C++ compiler" in refusal("lrn", "--check")
    assert "needs a C++ compiler" in refusal("--profile")
    monkeypatch.setenv("TINYNET_SIM", "chek")
    assert "TINYNET_SIM must be one of run, check, profile, got 'chek'" in refusal()
    monkeypatch.setenv("TINYNET_SIM", "run")
    monkeypatch.setenv("TINYNET_SIM_ORDER", "backwards")
    assert "TINYNET_SIM_ORDER" in refusal("lrn")


def test_kernels_command_stops_quietly_when_its_reader_does(tmp_path):
    read_end, write_end = os.pipe()
    os.close(read_end)  # as `| head` does after its ten lines
    run = subprocess.run(
        [sys.executable, "-m", "tinynet.kernels", "softmax"],
        stdout=write_end,
        stderr=subprocess.PIPE,
        env={**os.environ, "PATH": str(tmp_path), "CXX": ""},  # no compiler, for speed
        text=True,
    )
    os.close(write_end)
    assert (run.returncode, run.stderr) == (1, "")


def test_kernels_command_without_docstrings_or_output(tmp_path):
    run = subprocess.run(
        ["/bin/sh", "-c", f"{shlex.quote(sys.executable)} -OO -m tinynet.kernels softmax >&-"],
        stderr=subprocess.PIPE,
        env={**os.environ, "PATH": str(tmp_path), "CXX": ""},  # no compiler, for speed
        text=True,
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_kernels_command_ends_without_a_word_by_ctrl_c_while_importing(tmp_path):
    (tmp_path / "numpy.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)")
    run = subprocess.run(
        [sys.executable, "-m", "tinynet.kernels"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (run.returncode, run.stderr) == (-signal.SIGINT, "")


def test_only_this_command_is_ended_by_ctrl_c():
    code = "import signal, tinynet; print(signal.getsignal(signal.SIGINT).__name__)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "default_int_handler\n"


def test_kernels_catalogue_is_not_imported_with_tinynet():
    code = "import sys, tinynet, tinynet.kernels; print('tinynet.kernels.catalogue' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


# ---------------------------------------------------------------------- registers, from a compiler

LOG = """\
ptxas info    : Compiling entry function 'relu_forward_kernel' for 'sm_80'
ptxas info    : Function properties for relu_forward_kernel
    8 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 128 bytes smem, 372 bytes cmem[0]
ptxas info    : Compiling entry function 'tanh_forward_kernel' for 'sm_80'
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 12 registers, used 0 barriers, 372 bytes cmem[0]
"""


@pytest.fixture
def nvcc(no_compilers, monkeypatch, tmp_path):
    """An nvcc on PATH that says LOG, and counts its calls; `fail()` makes it refuse the file."""
    script, calls = tmp_path / "nvcc", tmp_path / "calls"

    def install(log, status):
        body = f"case $1 in --version) echo 'release 99.1, V99.1.2'; exit;; esac; echo >> {calls}"
        script.write_text(f"#!/bin/sh\n{body}\n/bin/cat >&2 <<'END'\n{log}END\nexit {status}\n")
        script.chmod(0o755)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    install(LOG, status=0)
    return install, calls


def test_kernels_registers_come_from_the_compilers_log(nvcc):
    _, calls = nvcc
    assert resources.compiler().name == "nvcc 99.1.2"
    assert resources.of_kernel("relu_forward") == resources.Resources(255, 16, 128)
    assert resources.of_kernel("tanh_forward") == resources.Resources(12, 0, 0)
    assert calls.read_text() == "\n"  # a file once, and kept


def test_kernels_list_tells_what_the_cuda_compiler_refuses(nvcc, capsys):
    install, _ = nvcc
    install('activation.cu(16): error: expected a ";"\n', status=1)
    assert main(["relu_forward"]) == 1
    assert '! nvcc: activation.cu(16): error: expected a ";"' in capsys.readouterr().out


def test_kernels_registers_are_measured_where_there_is_a_cuda_compiler():
    if resources.compiler() is None:
        pytest.skip(resources.NONE)
    gemm = resources.of_kernel("gemm_tiled")
    assert gemm.shared == 4 * (64 * 33 + 32 * 64) and gemm.spilled == 0
    assert 16 <= gemm.registers <= 128


# ------------------------------------------------------- what profile mode says beside the memory


@needs_simulator
def test_kernels_profile_says_where_lanes_part_and_sums_up(capsys):
    assert main(["max_pool_forward", "--profile", "--capability", "7.5"]) == 0
    out = capsys.readouterr().out
    line = line_of("max_pool_forward", "if (value > best")
    (part,) = re.findall(rf"max_pool\.cu:{line}  .*\n      lanes part (.*)\n", out)
    parted, of, passes, lanes = re.fullmatch(
        r"(\d+) of (\d+) times: (\d+) passes; on average ([\d.]+) run it", part
    ).groups()
    counts = trials.counted("max_pool_forward")
    (run,) = [run for run in counts.runs if run.line == line]
    assert (int(parted), int(of), int(passes)) == (run.parted, run.branches, run.passes)
    assert float(lanes) == round(run.lanes / run.runs, 1) and int(passes) > int(of)
    sectors = sum(p.cost for p in counts.profile)
    assert f"{sectors:,} sectors; their bytes would fit in" in out
    assert f"{1 * 2 * 27 * 27 * 3 * 3:,} FLOP" in out
    assert re.search(r"occupancy on 7\.5: \d+ of 32 warps, limited by \w+", out)
    assert main(["sgd", "--profile", "--capability", "1.3"]) == 2
    assert "'1.3' is not known; known are 5.0" in capsys.readouterr().err


@pytest.mark.skipif(CXXFILT is None, reason="no c++filt on PATH")
def test_kernels_registers_of_any_program_come_from_the_compilers_log(nvcc, tmp_path):
    (tmp_path / "c++filt").symlink_to(CXXFILT)
    install, _ = nvcc
    of_one = LOG[: LOG.index("ptxas info    : Compiling entry function 'tanh")]
    log = of_one.replace("relu_forward_kernel", "_Z5saxpyPfi")
    log += of_one.replace("relu_forward_kernel", "_Z4copyIfEvPT_").replace("255", "5")
    log += of_one.replace("relu_forward_kernel", "_Z4tileIfLj32EEvPT_").replace("255", "6")
    log += of_one.replace("relu_forward_kernel", "_Z4tileIfLj64EEvPT_").replace("255", "7")
    install(log, status=0)
    kernels = ("saxpy", "copy<T>", "tile<float, 64>", "tile<float,32u>", "tile<int, 8>", "other")
    found = resources.of_program("", kernels)
    taken = {name: resource.registers for name, resource in found.items()}
    assert taken == {"saxpy": 255, "copy<T>": 5, "tile<float, 64>": 7, "tile<float,32u>": 6}
