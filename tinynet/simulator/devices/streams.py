"""Devices, streams and events: when does what is issued now run?

On a GPU a kernel launch returns at once; the kernel runs later, after what its stream was given
before, and at any time relative to other streams unless an event orders them. A forgotten wait is
then a wrong result now and then. Here too a stream is a queue; TINYNET_SIM_ORDER says when it runs:

    forward       each operation at once: the order in which the program issues them
    reversed      as late as is legal: only when something must be complete
    random:SEED   a legal order drawn anew at every operation

All three are orders that a GPU may choose, so results must not depend on which it is.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from itertools import count

from tinynet.simulator.devices.memory import DEVICES, POOL, current_device, set_current_device
from tinynet.simulator.locks import STREAMS
from tinynet.simulator.settings import chosen_order

_local = threading.local()
_numbers = count()
UNLIMITED = 1 << 40  # what a device without a limit says it has
_busy: dict[int, "Stream"] = {}  # streams with something in their queue, by number


class Device:
    """`with Device(1):` makes device 1 current, as `cupy.cuda.Device` does."""

    compute_capability = "75"  # Turing's, whose limits are enforced

    def __init__(self, device: "int | Device | None" = None):
        number = current_device() if device is None else int(device)
        if not 0 <= number < DEVICES:
            raise ValueError(f"sim:{number} does not exist: there are sim:0 to sim:{DEVICES - 1}")
        self.id = number
        self._before: list[int] = []

    def __int__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<sim:{self.id}>"

    def use(self) -> None:
        """Make this device current until another one is."""
        set_current_device(self.id)

    def __enter__(self) -> "Device":
        self._before.append(current_device())
        self.use()
        return self

    def __exit__(self, *_: object) -> None:
        set_current_device(self._before.pop())

    def synchronize(self) -> None:
        """Return when all streams of the device are empty."""
        with STREAMS:
            for stream in list(_busy.values()):
                if stream.device_id == self.id:
                    stream.synchronize()

    @property
    def mem_info(self) -> tuple[int, int]:
        """(free, total) in bytes."""
        with self:
            total = POOL.get_limit() or UNLIMITED
            return total - POOL.total_bytes(), total


class _Mark:
    """A place in a stream's queue: an event as it was recorded once."""

    def __init__(self, stream: "Stream"):
        self.stream = stream
        self.seconds: float | None = None  # when it was passed

    @property
    def passed(self) -> bool:
        return self.seconds is not None

    def __call__(self) -> None:
        self.seconds = time.perf_counter()


class _Wait:
    """An operation that is runnable only once `mark` is passed."""

    def __init__(self, mark: _Mark):
        self.mark = mark

    def __call__(self) -> None:
        """Nothing is left to do: it could run."""


class Stream:
    """`cupy.cuda.Stream`, made on the current device. A stream belongs to one device."""

    null = False  # the null stream of a device: where launches go unless told otherwise

    def __init__(self, non_blocking: bool = False):
        self.device_id = current_device()
        self.non_blocking = non_blocking
        self.number = next(_numbers)
        self._queue: deque[Callable[[], None]] = deque()
        self._before: list[Stream] = []

    # ------------------------------------------------------------ as in CuPy

    def use(self) -> "Stream":
        """Make this the current stream of its device, in this thread."""
        _current_streams()[self.device_id] = self
        return self

    def __enter__(self) -> "Stream":
        self._before.append(get_current_stream(self.device_id))
        return self.use()

    def __exit__(self, *_: object) -> None:
        self._before.pop().use()

    def wait_event(self, event: "Event") -> None:
        """What is issued from now on runs after `event`, as it was last recorded, has passed."""
        if event.mark is not None:
            self.submit(_Wait(event.mark))

    def synchronize(self) -> None:
        """Return when all that was issued so far has run."""
        with STREAMS:
            for stream in (*self._implicitly_first(), self):
                while stream._queue:
                    stream._run_next()

    @property
    def done(self) -> bool:
        return not self._queue

    # ------------------------------------------------------------ the queue

    def submit(self, operation: Callable[[], None]) -> None:
        """Issue an operation; TINYNET_SIM_ORDER says when it runs."""
        order, seed = chosen_order()
        with STREAMS:
            for stream in self._implicitly_first():
                stream.synchronize()
            self._queue.append(operation)
            _busy[self.number] = self
            if order == 0:
                self.synchronize()
            elif order == 2:
                _run_some(_generator(seed))

    def _implicitly_first(self) -> list["Stream"]:
        """The null stream waits for all blocking streams of its device, and they for it."""
        if self.non_blocking:
            return []
        return [
            stream
            for stream in _busy.values()
            if stream.device_id == self.device_id
            and not stream.non_blocking
            and stream.null != self.null
        ]

    def _run_next(self) -> None:
        operation = self._queue[0]
        if isinstance(operation, _Wait):
            while not operation.mark.passed:
                operation.mark.stream._run_next()
        self._queue.popleft()
        if not self._queue:
            del _busy[self.number]
        operation()

    def _runnable(self) -> bool:
        if not self._queue:
            return False
        first = self._queue[0]
        return not isinstance(first, _Wait) or first.mark.passed


class Event:
    """`cupy.cuda.Event`: a mark in a stream that others can wait for."""

    def __init__(self, disable_timing: bool = False):
        self.disable_timing = disable_timing
        self.mark: _Mark | None = None

    def record(self, stream: Stream | None = None) -> None:
        stream = stream or get_current_stream()
        self.mark = _Mark(stream)
        stream.submit(self.mark)

    def synchronize(self) -> None:
        with STREAMS:
            while not self.done:
                self.mark.stream._run_next()

    @property
    def done(self) -> bool:
        return self.mark is None or self.mark.passed


def get_elapsed_time(start: Event, end: Event) -> float:
    """Milliseconds between two events, both passed."""
    for event in (start, end):
        if event.mark is None or not event.mark.passed:
            raise RuntimeError("get_elapsed_time: both events must have been recorded and passed")
    return 1e3 * (end.mark.seconds - start.mark.seconds)


def get_current_stream(device: int | None = None) -> Stream:
    """The stream that a launch on `device` (None: the current one) goes to."""
    device = current_device() if device is None else device
    return _current_streams().get(device) or null_stream(device)


class _NullStream(Stream):
    null = True


@lru_cache
def null_stream(device: int) -> Stream:
    with Device(device):
        return _NullStream()


def _current_streams() -> dict[int, Stream]:
    return _local.__dict__.setdefault("streams", {})


@lru_cache(maxsize=1)
def _generator(seed: int) -> random.Random:
    return random.Random(seed)


def _run_some(generator: random.Random) -> None:
    """Run operations of randomly chosen streams for as long as a coin says so."""
    while generator.random() < 0.5:
        ready = [stream for _, stream in sorted(_busy.items()) if stream._runnable()]
        if not ready:
            return
        generator.choice(ready)._run_next()
