"""The kernels that exercises ask for: tinynet's own, and some that its engine has no use for:

vector_add.py, transpose.py, gemm_shared.py, each the NumPy twin of the .cu of its name.
"""

from dataclasses import dataclass

from tinynet.gym.kernels.gemm_shared import gemm_shared
from tinynet.gym.kernels.transpose import transpose
from tinynet.gym.kernels.vector_add import vector_add
from tinynet.kernels import KERNELS
from tinynet.kernels.catalogue.examples import EXAMPLES, TILES, Sizes
from tinynet.kernels.launching.geometry import elements, tiles
from tinynet.kernels.launching.kernel import Kernel


@dataclass(frozen=True)
class Reference:
    """A kernel that is right, and sizes at which the simulator counts what it costs."""

    kernel: Kernel
    counted: Sizes


SQUARES = tiles(tile=(32, 32), block=(32, 8), of=("h", "w"))

REFERENCES = {
    "vector_add": Reference(Kernel(vector_add, elements("size")), {"size": 4096}),
    "transpose": Reference(Kernel(transpose, SQUARES), {"h": 64, "w": 96}),
    "gemm_shared": Reference(Kernel(gemm_shared, tiles((16, 16), block=(16, 16))), TILES),
    **{name: Reference(kernel, EXAMPLES[name].counted) for name, kernel in KERNELS.items()},
}
