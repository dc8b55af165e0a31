"""The kernels of tinynet as their pages show them: launched small, with every case in sight.

The grid of a kernel that loops over it has two blocks of two warps, fewer threads than elements: so
some threads go round twice, and the last warp is ragged. Windows overlap and hang over the edge.
"""

from dataclasses import dataclass

import numpy as np

from tinynet.kernels import KERNELS
from tinynet.kernels.catalogue import trials
from tinynet.kernels.catalogue.examples import EXAMPLES, REAL, Sizes, arguments
from tinynet.kernels.catalogue.headers import arrays, header
from tinynet.kernels.catalogue.page.story import Larger, Shown
from tinynet.simulator import KernelError
from tinynet.simulator.kernels.recording import Recording

Dimensions = tuple[int, ...]


@dataclass(frozen=True)
class Setting:
    """Sizes by name, and the launch's grid and block."""

    sizes: Sizes
    grid: Dimensions = (2,)
    block: Dimensions = (64,)


_WINDOW = {"kh": 3, "kw": 2, "stride_h": 2, "stride_w": 1, "pad_top": 1, "pad_left": 0}
_IMAGE = {"n": 1, "c": 3, "h": 9, "w": 7, "oh": 5, "ow": 6, **_WINDOW}
_FEWER = {**_IMAGE, "c": 2}
_LOCAL = {**_FEWER, "h": 7, "w": 5, "oh": 4, "ow": 4, "filters": 2}
_ACROSS = {"n": 2, "c": 6, "plane": 35, "groups": 2, "size": 4, "alpha": 0.9, "beta": 0.6, "k": 2.0}
_WITHIN = {"n": 1, "c": 2, "h": 8, "w": 9, "size": 3, "alpha": 0.9, "beta": 0.6, "k": 1.0}
_FLAT = {"size": 180}
_MASK = {"rows": 5, "cols": 30, "full_cols": 40}
_DRAW = {"p": 0.5, "scale": 2.0, "seed": 7, "counter": 3, "offset": 4}
_RULE = {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4}

SETTINGS = {
    "im2col": Setting(_IMAGE, block=(32,)),
    "col2im": Setting(_FEWER, block=(32,)),
    "local_forward": Setting(_LOCAL, block=(32,)),
    "local_backward": Setting(_LOCAL, block=(32,)),
    "local_backward_weight": Setting(_LOCAL),
    "max_pool_forward": Setting(_IMAGE, block=(32,)),
    "max_pool_backward": Setting(_FEWER, block=(32,)),
    "avg_pool_forward": Setting(_IMAGE, block=(32,)),
    "avg_pool_backward": Setting(_FEWER, block=(32,)),
    "lrn_forward": Setting(_ACROSS),
    "lrn_backward": Setting(_ACROSS),
    "lrn_within_forward": Setting(_WITHIN),
    "lrn_within_backward": Setting(_WITHIN),
    "relu_forward": Setting(_FLAT),
    "relu_backward": Setting(_FLAT),
    "tanh_forward": Setting(_FLAT),
    "tanh_backward": Setting(_FLAT),
    "dropout_forward": Setting({**_MASK, **_DRAW}),
    "dropout_backward": Setting({**_MASK, **_DRAW}),
    "softmax_cross_entropy_forward": Setting({"n": 3, "classes": 70}),
    "softmax_cross_entropy_backward": Setting({"n": 3, "classes": 70}),
    "bias_forward": Setting({"n": 2, "c": 3, "plane": 30}),
    "bias_backward": Setting({"n": 2, "c": 3, "plane": 45}),
    "sgd_update": Setting({**_FLAT, **_RULE}),
    "augment": Setting({"n": 1, "c": 3, "h": 9, "w": 10, "oh": 7, "ow": 8}),
    "gemm_naive": Setting({"m": 10, "n": 37, "k": 6}, (2, 2), (32, 8)),
    "gemm_tiled": Setting({"m": 20, "n": 70, "k": 5}, (2, 1), (16, 16)),
}


def record(kernel: str, text: str | None = None) -> Recording:
    """Run `kernel` as it is shown, in profile mode; `text` replaces that of its file."""
    setting = SETTINGS[kernel]
    function, values = trials.function(kernel, text, "profile"), values_of(kernel)
    return function.record(setting.grid, setting.block, values)


def shown(kernel: str) -> Shown:
    """What the page shows of a kernel: its recording, checked, and its costs in AlexNet."""
    setting, recording = SETTINGS[kernel], record(kernel)
    scalars = {p.name: v for p, v in zip(KERNELS[kernel].parameters, values_of(kernel))}
    return Shown(
        recording,
        title=kernel,
        about=tuple(header(KERNELS[kernel])),
        scalars={name: v.item() for name, v in scalars.items() if isinstance(v, np.generic)},
        roles={array.name: array.role for array in arrays(KERNELS[kernel])},
        order=tuple(scalars),
        findings=_findings(kernel, setting),
        larger=_larger(kernel),
    )


def values_of(kernel: str) -> tuple:
    """The arguments that `kernel` is shown with, made anew."""
    rng = np.random.default_rng(0)
    given = arguments(KERNELS[kernel], SETTINGS[kernel].sizes, REAL["float"], rng)
    return KERNELS[kernel].cast(tuple(given), given[0].dtype)


def _findings(kernel: str, setting: Setting) -> tuple[KernelError, ...]:
    blank = tuple(array.name for array in arrays(KERNELS[kernel]) if array.role == "out")
    function = trials.function(kernel, None, "check")
    try:
        function(setting.grid, setting.block, values_of(kernel), uninitialised=blank)
    except KernelError as error:
        return error, *error.others
    return ()


def _larger(kernel: str) -> Larger:
    example = EXAMPLES[kernel]
    return Larger(example.layer.strip("()"), dict(example.profiled), tuple(trials.profile(kernel)))
