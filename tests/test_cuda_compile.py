"""Every CUDA kernel through NVIDIA's own compiler, with no GPU: NVRTC needs no driver.

NVRTC may refuse what g++ takes in the simulator (a host header, a host function), and only ptxas
knows how many registers a kernel takes and whether they spill into memory. The wheels come with
the extra `cuda-check`.
"""

import inspect
import re
import shutil
from pathlib import Path

import pytest

from tinynet import gym
from tinynet.gym.kernels import REFERENCES
from tinynet.kernels.catalogue import resources
from tinynet.kernels.launching.kernel import FOLDER, Parameter, signature

KERNELS = {name: reference.kernel for name, reference in REFERENCES.items()}
FOLDERS = (FOLDER, Path(gym.__file__).parent / "kernels")
FILES = {path.name: path for folder in FOLDERS for path in sorted(folder.glob("*.cu"))}
ARCHITECTURES = ["sm_75", "sm_80", "sm_90", "sm_120"]  # Turing, Ampere, Hopper, Blackwell

# What the compiler of this version uses, at most over the four architectures: registers per thread
# in float and in double, bytes of shared memory per block in float (twice that in double). 256
# threads of 64 registers are a quarter of a multiprocessor's 65,536: four blocks run at a time.
BUDGET_VERSION = (13, 0)
BUDGET = {
    "im2col": (40, 41, 0),
    "col2im": (47, 62, 0),
    "local_forward": (64, 64, 0),
    "local_backward": (64, 64, 0),
    "local_backward_weight": (40, 43, 0),
    "max_pool_forward": (47, 54, 0),
    "max_pool_backward": (24, 23, 0),
    "avg_pool_forward": (54, 66, 0),
    "avg_pool_backward": (56, 70, 0),
    "lrn_forward": (51, 64, 0),
    "lrn_backward": (40, 56, 0),
    "lrn_within_forward": (54, 64, 0),
    "lrn_within_backward": (43, 62, 0),
    "relu_forward": (16, 16, 0),
    "relu_backward": (18, 18, 0),
    "tanh_forward": (17, 24, 0),
    "tanh_backward": (20, 20, 0),
    "dropout_forward": (38, 38, 0),
    "dropout_backward": (38, 38, 0),
    "softmax_cross_entropy_forward": (32, 44, 384),
    "softmax_cross_entropy_backward": (28, 26, 0),
    "bias_forward": (23, 23, 0),
    "bias_backward": (48, 48, 128),
    "sgd_update": (22, 24, 0),
    "augment": (40, 40, 0),
    "gemm_naive": (58, 64, 0),
    "gemm_tiled": (64, 80, 16640),
    "vector_add": (20, 20, 0),
    "transpose": (40, 40, 4224),
    "gemm_shared": (45, 48, 2048),
}


@pytest.fixture(scope="module")
def nvrtc():
    reason = "needs CuPy and the NVRTC wheel: pip install -e '.[cuda-check]'"
    try:
        from cupy.cuda import nvrtc

        nvrtc.getVersion()
    except (ImportError, RuntimeError) as error:  # no CuPy, or no libnvrtc for it
        pytest.skip(f"{reason} ({type(error).__name__})")
    return nvrtc


def compiled(nvrtc, path, real, architecture):
    """(PTX, CUBIN, the compiler's log) of one file, with the options that CuPy gives."""
    program = nvrtc.createProgram(path.read_text(), path.name, [], [])
    options = [f"-arch={architecture}", f"-DREAL={real}", "-ftz=true", "-Xptxas=-v"]
    try:
        nvrtc.compileProgram(program, options)
        return nvrtc.getPTX(program), nvrtc.getCUBIN(program), nvrtc.getProgramLog(program)
    except nvrtc.NVRTCError:
        pytest.fail(nvrtc.getProgramLog(program))
    finally:
        nvrtc.destroyProgram(program)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize("file", FILES)
def test_kernels_compile_within_budget(nvrtc, file, real, architecture):
    ptx, cubin, log = compiled(nvrtc, FILES[file], real, architecture)
    assert ptx.startswith(b"//") and b".entry" in ptx
    assert cubin.startswith(b"\x7fELF")
    if nvrtc.getVersion() != BUDGET_VERSION:
        return  # another compiler allocates registers in another way

    sections = re.split(r"Compiling entry function '(\w+)_kernel'", log)
    reports = dict(zip(sections[1::2], sections[2::2]))
    assert set(reports) == {name for name, k in KERNELS.items() if k.file == file}
    for kernel, report in reports.items():
        assert "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads" in report, kernel
        registers = int(re.search(r"Used (\d+) registers", report)[1])
        shared = re.search(r"(\d+) bytes smem", report)
        in_float, in_double, shared_in_float = BUDGET[kernel]
        assert registers <= (in_float if real == "float" else in_double), kernel
        size = 1 if real == "float" else 2
        assert int(shared[1] if shared else 0) <= shared_in_float * size, kernel


def test_kernels_that_do_not_compile_are_refused(nvrtc, tmp_path):
    """The test above can fail: a host header, which g++ would take, is an error here."""
    (tmp_path / "bad.cu").write_text("#include <math.h>\n")
    with pytest.raises(pytest.fail.Exception, match="bad.cu"):
        compiled(nvrtc, tmp_path / "bad.cu", "float", "sm_80")


def test_kernels_in_the_files_are_the_kernels_of_the_table():
    pattern = re.compile(r'extern "C" __global__ void (\w+)_kernel\(')
    found = {name: f for f, path in FILES.items() for name in pattern.findall(path.read_text())}
    assert found == {name: kernel.file for name, kernel in KERNELS.items()}


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_and_twins_have_one_signature(kernel):
    """One glossary: the same names in the same order on both sides."""
    names = [parameter.name for parameter in KERNELS[kernel].parameters]
    assert names == list(inspect.signature(KERNELS[kernel].twin).parameters)


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_take_outputs_first_then_inputs_then_scalars(kernel):
    kinds = [
        2 if not parameter.is_pointer else 1 if parameter.is_const else 0
        for parameter in KERNELS[kernel].parameters
    ]
    assert kinds == sorted(kinds) and kinds[0] == 0


def test_kernels_signature_reads_a_declaration():
    text = """extern "C" __global__ void a_kernel(REAL* y,
                const unsigned char* x, unsigned long long seed, int n) {"""
    assert signature(text, "a_kernel") == [
        Parameter("y", "REAL", is_pointer=True, is_const=False),
        Parameter("x", "unsigned char", is_pointer=True, is_const=True),
        Parameter("seed", "unsigned long long", is_pointer=False, is_const=False),
        Parameter("n", "int", is_pointer=False, is_const=False),
    ]
    with pytest.raises(ValueError, match="no kernel b_kernel"):
        signature(text, "b_kernel")
    with pytest.raises(ValueError, match="n is of type 'size_t'"):
        signature(text.replace("int n", "size_t n"), "a_kernel")


@pytest.mark.skipif(shutil.which("c++filt") is None, reason="no c++filt on PATH")
def test_registers_of_any_program_by_nvrtc(nvrtc):
    text = """
extern "C" __global__ void ones(float* y) { y[threadIdx.x] = 1; }
template <class T> __global__ void copy(T* y, const T* x) { y[threadIdx.x] = x[threadIdx.x]; }
"""
    kernels = ("ones", "copy<float>")
    found = resources.of_program(text, kernels, resources.nvrtc())
    assert found.keys() == set(kernels)
    assert all(2 <= taken.registers < 20 for taken in found.values())  # asking costs it none
    assert resources.of_program(text, kernels[::-1], resources.nvrtc()) == found


def test_kernels_launch_shapes_cover_the_work():
    def shape(kernel, **sizes):
        return KERNELS[kernel].shape(sizes)

    assert shape("relu_forward", size=257) == ((2,), (256,))
    assert shape("relu_forward", size=0) == ((1,), (256,))  # CUDA refuses a grid of nothing
    assert shape("relu_forward", size=2**30) == ((4096,), (256,))
    assert shape("bias_backward", n=9, c=96, plane=55 * 55) == ((96,), (256,))
    assert shape("gemm_naive", m=9, n=64, k=5) == ((2, 2), (32, 8))
    assert shape("gemm_tiled", m=65, n=64, k=5) == ((1, 2), (16, 16))
    for kernel in ("gemm_naive", "gemm_tiled"):  # a GPU takes 65,535 blocks down a grid
        assert shape(kernel, m=2**30, n=1, k=1)[0] == (1, 4096)
