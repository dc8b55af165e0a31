"""The bounds that a piece of work is held against: what nothing on this machine can be faster than.

    products    the matrix products of the work on ready operands, and nothing else: what BLAS
                takes. Those of convolutions are one an image, an image a core, those of fully
                connected layers one a batch, on all cores, as tinynet does them.
    bytes       as many bytes read and written by a plain copy on all cores
    rates       products of two 1,024 x 1,024 matrices a core, and a copy that moves 128 MB

The bound of a phase is the longer of its two times, products or bytes.
"""

import time

from engine import limit_cores, serve

limit_cores()

import numpy as np  # noqa: E402

from tinynet.devices import threads  # noqa: E402

SIDE, COPIED = 1024, 128 << 20
_blocks: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # to copy from and to, by their bytes


class Bound:
    """`products`: for each phase [a's shape, b's shape, times], where times is 1 for a product of
    the whole batch, else the number of images. A shape with a minus sign is transposed."""

    def __init__(self, case: dict, arrays: dict):
        _blocks.clear()  # of the work before
        self.phases = case["phases"]
        self.operands = {
            phase: [(_operand(a), _operand(b), times) for a, b, times in work["products"]]
            for phase, work in self.phases.items()
        }

    def check(self) -> dict[str, np.ndarray]:
        return {}

    def run(self) -> dict[str, float]:
        found = {}
        for phase, work in self.phases.items():
            computing = _timed(lambda phase=phase: self._multiply(phase))
            moving = _timed(lambda work=work: _move(work["bytes"])) if work["bytes"] else 0.0
            found[phase] = max(computing, moving)
        return found

    def _multiply(self, phase: str) -> None:
        images = [each for each in self.operands[phase] if each[2] > 1]
        times = max((times for _, _, times in images), default=0)

        def one_image(_: int) -> None:
            for a, b, _ in images:
                out = threads.scratch("bound", (*a.shape[:-1], b.shape[-1]), a.dtype)
                np.matmul(a, b, out=out)

        threads.for_each(times, one_image)
        for a, b, times in self.operands[phase]:
            if times == 1:
                np.matmul(a, b)


def _operand(shape: list[int]) -> np.ndarray:
    transposed = any(size < 0 for size in shape)
    array = np.ones([abs(size) for size in shape], np.float32)
    return array.swapaxes(-1, -2) if transposed else array


def _move(count: int) -> None:
    """Read half of so many bytes and write the other half."""
    if count not in _blocks:
        _blocks[count] = (np.ones(count // 2, np.uint8), np.ones(count // 2, np.uint8))
    source, target = _blocks[count]

    def one(part: slice) -> None:
        np.copyto(target[part], source[part])

    threads.for_each_slice(len(source), max(1 << 16, -(-len(source) // threads.SHARES)), one)


def _timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class Rates:
    """Seconds of a product on each core, and of a copy on all of them."""

    def __init__(self, case: dict, arrays: dict):
        self.cores = threads.workers()
        self.a = np.ones((SIDE, SIDE), np.float32)

    def check(self) -> dict[str, np.ndarray]:
        return {"cores": np.array(self.cores)}

    def run(self) -> dict[str, float]:
        def product(_: int) -> None:
            np.matmul(self.a, self.a, out=threads.scratch("out", self.a.shape, self.a.dtype))

        computing = _timed(lambda: threads.for_each(4 * self.cores, product))
        return {"products": computing, "copy": _timed(lambda: _move(COPIED))}


KINDS = {"bound": Bound, "rates": Rates}

if __name__ == "__main__":
    serve(lambda case, arrays: KINDS[case["kind"]](case, arrays))
