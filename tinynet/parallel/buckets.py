"""The gradients of all ranks are summed while backward still runs.

Backward makes the gradients of the last layers first, and has much to compute after that. So all
gradients lie in one row, the last layers' first, and the row is cut into pieces. As soon as the
gradients of a piece are there, a thread sends it on its way:

    backward   fc8 fc7 |   fc6   |  conv5  |  conv4  | conv3 ... conv1 |
    pieces            1 2  3 4 5 6  7        8         9        10      |wait| step

Two steps sum a piece over K ranks. Each rank gets one K-th of the piece from all, and adds these
up, in the order of the ranks; then all get all the sums. (A rank sends 2 (K-1)/K of the piece: no
way of summing takes less.) So the order of each sum is fixed by the code, whatever network and MPI
do, and each sum is made in one place: the same bits each time, and on every rank.

Where gradients come from a GPU, the row lies in its memory if MPI can reach that, else in pinned
memory of the host (rows.py).
"""

import threading
import time
from collections.abc import Iterable

import numpy as np

from tinynet.console.sentences import GB
from tinynet.parallel.ranks import STUCK, Ranks
from tinynet.parallel.rows import GpuRow, HostRow, row_for
from tinynet.parallel.watch import RankFailed
from tinynet.tape import uses_of_leaves
from tinynet.tensor import Tensor

BYTES = 4 << 20  # of a piece
IN_FLIGHT = 2  # pieces whose parts may come in at a time: each has memory of its own for them
MEASURED = 16 << 20  # bytes
POLL = 100e-6  # seconds between two looks at what is on its way
LOOK = 0.05  # seconds between two looks at whether all ranks live


def gigabytes_per_second(ranks: Ranks, row: HostRow | GpuRow) -> float:
    """How fast each rank sends from memory such as the row's to all others at once; the second of
    two tries counts."""
    comm, size = ranks.new_comm(), MEASURED // ranks.size
    parts, theirs = row.zeros((2, ranks.size, size), np.dtype(np.uint8))
    for _ in range(2):
        ranks.gather(None)
        began = time.perf_counter()
        ranks.wait(ranks.swap(comm, parts, theirs))
        seconds = time.perf_counter() - began
    return (ranks.size - 1) * size / GB / max(seconds, 1e-9)


class Buckets:
    """Sums the gradients of `parameters`, of one dtype, over all `ranks`; the same list on each."""

    def __init__(self, parameters: Iterable[Tensor], ranks: Ranks, piece_bytes: int = BYTES):
        self._ranks, self._parameters = ranks, [*parameters][::-1]
        dtypes = {p.dtype for p in self._parameters}
        if len(dtypes) != 1:
            found = ", ".join(sorted(map(str, dtypes)))
            raise ValueError(f"Buckets: parameters expects one dtype, got {found}")
        self._to_parts, self._to_all = ranks.new_comm(), ranks.new_comm()
        self._lay_out(dtypes.pop(), piece_bytes)
        self._error: Exception | None = None
        self.sent, self.steps = 0, 0  # bytes from this rank to others, and in how many steps
        self._awake, self._done = threading.Event(), threading.Event()
        threading.Thread(target=self._work, name="tinynet-buckets", daemon=True).start()

    def _lay_out(self, dtype: np.dtype, piece_bytes: int) -> None:
        """Give each parameter its place in the row, and cut that into pieces of K equal parts."""
        size = self._ranks.size
        ends = np.cumsum([p.size for p in self._parameters])
        self._places = {
            id(p): slice(int(end) - p.size, int(end)) for p, end in zip(self._parameters, ends)
        }
        length = -(-int(ends[-1]) // size) * size
        self.row = row_for(self._parameters, length, self._ranks)
        step = -(-piece_bytes // dtype.itemsize // size) * size
        self._pieces = [self.row.array[start : start + step] for start in range(0, length, step)]
        self._step, self.nbytes = step, self.row.array.nbytes
        self._parts = self.row.zeros((IN_FLIGHT, min(step, length)), dtype)
        self._needs = np.zeros(len(self._pieces), int)
        for p in self._parameters:
            self._needs[self._pieces_of(p)] += 1

    def _pieces_of(self, p: Tensor) -> slice:
        place = self._places[id(p)]
        return slice(place.start // self._step, (place.stop - 1) // self._step + 1)

    # ---------------------------------------------------------------- the main thread

    def backward(self, loss: Tensor, scale: float) -> None:
        """backward() of `scale` times the loss. What is complete goes to the other ranks.

        A parameter that the loss does not depend on has a gradient of zeros.
        """
        self._begin()
        self._awake.set()
        uses, missing = uses_of_leaves(loss), {id(p): p for p in self._parameters}

        def after_leaf(leaf: Tensor) -> None:
            uses[leaf] -= 1
            if uses[leaf] == 0 and missing.pop(id(leaf), None) is not None:
                self._arrived(leaf, self.row.take(self._places[id(leaf)], leaf))

        loss.backward(np.full(loss.shape, scale, loss.dtype), after_leaf)
        for p in missing.values():  # of these, backward has said nothing, or less than expected
            if p.grad is None:
                p.grad = Tensor.of(p.device.zeros(p.shape, p.dtype), p.device)
            self._arrived(p, self.row.take(self._places[id(p)], p))

    def nothing(self) -> None:
        """In place of `backward`, where this rank has no image in a batch."""
        self._begin()
        cleared = self.row.clear()
        for p in self._parameters:
            self._arrived(p, cleared)
        self._awake.set()

    def finish(self) -> None:
        """Wait until each gradient is the sum over all ranks. RankFailed if one of them fails.

        The gradients may then lie in the row, which the next backward overwrites.
        """
        self._ranks.watch.arrivals += 1
        self.backward_ended = time.perf_counter()
        for event in {e for of_piece in self._events for e in of_piece}:
            event.synchronize()
        limit = STUCK if self._ranks.leader else STUCK + LOOK
        while not self._done.wait(LOOK):
            self._ranks.watch.check()
            if time.perf_counter() - self.backward_ended > limit:
                raise RankFailed(f"{self._ranks.watch.late()} sends no gradients: it hangs")
        if self._error is not None:
            raise self._error
        for p in self._parameters:
            self.row.give(self._places[id(p)], p)
        self.steps += 1
        self.finished = time.perf_counter()

    def _arrived(self, leaf: Tensor, event) -> None:
        """Note that a gradient is in its place, on a GPU once `event` has passed."""
        for i in range(*self._pieces_of(leaf).indices(len(self._pieces))):
            self._events[i] += [event] if event is not None else []
            self._missing[i] -= 1

    # ---------------------------------------------------------------- the thread that sends

    def _begin(self) -> None:
        self._missing = self._needs.copy()
        self._events: list[list] = [[] for _ in self._pieces]
        self._sent = self._summed = self._complete = 0  # so many pieces
        self._coming: list = []  # the requests of pieces that are sent
        self._going: list = []  # and of those that are summed
        self.timeline: list[list[float]] = []  # of each piece: when it was sent, summed, complete
        self._done.clear()
        self.began = time.perf_counter()

    def _work(self) -> None:
        while self._awake.wait():
            self._awake.clear()
            try:
                while self._complete < len(self._pieces):
                    if not self._advance():
                        time.sleep(POLL)
            except Exception as error:
                self._error = error
            self._done.set()

    def _advance(self) -> bool:
        """Do for the pieces what can be done at once. Was there anything?"""
        done = [self._send_next(), self._sum_next(), self._complete_next()]
        return any(done)

    def _send_next(self) -> bool:
        i = self._sent
        if i == len(self._pieces) or i - self._summed == IN_FLIGHT:
            return False
        if self._missing[i] or not all(event.done for event in self._events[i]):
            return False
        mine = self._pieces[i].reshape(self._ranks.size, -1)
        self._coming.append(self._ranks.swap(self._to_parts, mine, self._parts_of(i)))
        self._sent += 1
        self.sent += self._pieces[i].nbytes // self._ranks.size * (self._ranks.size - 1)
        self.timeline.append([time.perf_counter()])
        return True

    def _sum_next(self) -> bool:
        i, rank, size = self._summed, self._ranks.rank, self._ranks.size
        if i == self._sent or not self._coming[i].Test():
            return False
        sums = self._pieces[i].reshape(size, -1)
        self.row.add(rank, sums, self._parts_of(i))
        self._going.append(self._ranks.swap(self._to_all, [sums[rank]] * size, sums))
        self._summed += 1
        self.sent += sums[rank].nbytes * (size - 1)
        self.timeline[i].append(time.perf_counter())
        return True

    def _parts_of(self, i: int):
        """Memory for what the ranks have of this rank's part of a piece: (ranks, part)."""
        return self._parts[i % IN_FLIGHT, : self._pieces[i].size].reshape(self._ranks.size, -1)

    def _complete_next(self) -> bool:
        i = self._complete
        if i == self._summed or not self._going[i].Test():
            return False
        self._complete += 1
        self.timeline[i].append(time.perf_counter())
        return True
