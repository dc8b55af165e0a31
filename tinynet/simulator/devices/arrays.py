"""Arrays of simulated devices: NumPy's arithmetic, CuPy's manners.

An array of a device is not a NumPy array, and refuses to be taken for one: `get()` copies to the
host and `asarray()` to the device. Arrays of two devices, or of a device and the host, do not mix
in one operation, and an operation runs where its arrays are, which must be the current device.
Everything passes through `call`: it checks that, waits for the current stream, and calls NumPy.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tinynet.simulator.devices.indices import wrapped
from tinynet.simulator.devices.memory import Memory, current_device, root
from tinynet.simulator.devices.pointer import MemoryPointer
from tinynet.simulator.devices.streams import Device, Stream, get_current_stream
from tinynet.simulator.devices.undone import undone
from tinynet.simulator.dry import is_dry
from tinynet.simulator.errors import KernelError

# The methods of an array that tinynet calls; each means the same in NumPy and CuPy.
METHODS = frozenset(
    ["argmax", "astype", "copy", "max", "mean", "min", "ravel", "reshape", "sum", "swapaxes"]
    + ["transpose", "view"]
)
# These may return a view of the same memory, and then they read nothing.
VIEWS = frozenset(
    ["__getitem__", "broadcast_to", "ravel", "reshape", "swapaxes", "transpose", "view"]
)
WRITERS = frozenset(["__setitem__", "at"])  # they write to their first argument
INDEXERS = frozenset(["__getitem__", "__setitem__", "at"])  # their second argument is an index


class SimArray(NDArrayOperatorsMixin):
    """An array in the memory of one simulated device; it takes the place of `cupy.ndarray`.

    plain    the same memory as a NumPy array: for the simulator, not for programs
    memory   the allocation that it lies in
    """

    __array_priority__ = 1000  # NumPy's own operators then leave mixed operations to this class

    def __init__(self, plain: np.ndarray, memory: Memory):
        self.plain = plain
        self.memory = memory

    @property
    def device(self) -> Device:
        return Device(self.memory.device)

    @property
    def data(self) -> MemoryPointer:
        return MemoryPointer(self.memory, self.plain)

    shape = property(lambda self: self.plain.shape)
    dtype = property(lambda self: self.plain.dtype)
    ndim = property(lambda self: self.plain.ndim)
    size = property(lambda self: self.plain.size)
    nbytes = property(lambda self: self.plain.nbytes)
    itemsize = property(lambda self: self.plain.itemsize)
    strides = property(lambda self: self.plain.strides)
    flags = property(lambda self: self.plain.flags)
    T = property(lambda self: SimArray(self.plain.T, self.memory))

    # ---------------------------------------------------------------- to and from the host

    def get(
        self, stream: Stream | None = None, out: np.ndarray | None = None, blocking: bool = True
    ) -> np.ndarray:
        """A copy on the host, made when the stream reaches it; `blocking=False` does not wait."""
        host = np.empty(self.shape, self.dtype) if out is None else out
        stream = stream or get_current_stream(self.memory.device)

        def copy() -> None:
            require_written(self, "get")
            np.copyto(host, self.plain, casting="no")

        stream.submit(copy)
        if blocking:
            stream.synchronize()
        return host

    def set(self, host: np.ndarray, stream: Stream | None = None) -> None:
        """Copy a host array here."""
        if not isinstance(host, np.ndarray) or host.dtype != self.dtype or host.shape != self.shape:
            raise TypeError(f"set: wants a NumPy array of {self.dtype} and shape {self.shape}")
        if is_dry():
            return

        def copy() -> None:
            self.plain[...] = host
            mark_written(self)

        (stream or get_current_stream(self.memory.device)).submit(copy)

    def item(self) -> float | int | bool:
        return self.get().item()

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise TypeError(
            f"an array of sim:{self.memory.device} is not a NumPy array: use .get() to copy it"
        )

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    # ---------------------------------------------------------------- NumPy's arithmetic

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: object, **kwargs: object):
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return call(function, *args, **kwargs)

    def __array_function__(self, function: Callable, _types: object, args: tuple, kwargs: dict):
        return call(function, *args, **kwargs)

    def __getattr__(self, name: str) -> Callable:
        if name not in METHODS:
            raise AttributeError(f"an array of a simulated device has no {name!r}")
        return partial(call, getattr(np.ndarray, name), self)

    def __getitem__(self, index: object) -> "SimArray":
        return call(np.ndarray.__getitem__, self, index)

    def __setitem__(self, index: object, value: object) -> None:
        call(np.ndarray.__setitem__, self, index, value)

    def __len__(self) -> int:
        return len(self.plain)

    def __repr__(self) -> str:
        return f"{self.get()!r} on sim:{self.memory.device}"


def call(function: Callable, *args: object, **kwargs: object):
    """Run NumPy's `function` on arrays of the current device; its results are arrays there."""
    name = getattr(function, "__name__", str(function))
    arrays = list(_arrays((args, kwargs), name))
    gathers = name in INDEXERS and len(list(_arrays(args[1], name))) > 0  # by arrays of indices
    if name in VIEWS and not gathers:
        view = _wrap(function(*_plain(args), **_plain(kwargs)), arrays)
        if any(view.memory is array.memory for array in arrays):
            return view
    _require_current(arrays, name)
    get_current_stream().synchronize()
    written = arrays[:1] if name in WRITERS else list(_arrays(kwargs.get("out"), name))
    for array in arrays:
        if not any(array is target for target in written):
            require_written(array, name)
    if is_dry():
        return _undone(function, args, kwargs, arrays, written)
    plain = _plain(args)
    if gathers:
        plain = (plain[0], wrapped(plain[1], plain[0].shape), *plain[2:])
    result = function(*plain, **_plain(kwargs))
    if name == "__setitem__":
        mark_written(written[0], plain[1])
    else:
        for array in written:
            mark_written(array)
    return written[0] if "out" in kwargs and written else _wrap(result, arrays)


def _undone(function: Callable, args: tuple, kwargs: dict, arrays: list, written: list):
    """In a dry run: what would be written to stays as it is; a new array is made, for its shape."""
    if written:
        return written[0] if "out" in kwargs else None
    return _wrap(undone(function, _plain(args), _plain(kwargs)), arrays)


class Function:
    """A NumPy function that takes arrays of the current device, and none of the host."""

    def __init__(self, function: Callable):
        self._function = function

    def __call__(self, *args: object, **kwargs: object):
        return call(self._function, *args, **kwargs)

    def at(self, a: SimArray, index: object, values: object) -> None:
        """As in NumPy: `add.at(a, index, values)` adds each time if an index is repeated."""
        call(self._function.at, a, index, values)


def may_share_memory(a: SimArray, b: SimArray) -> bool:
    return a.memory is b.memory and np.may_share_memory(a.plain, b.plain)


def _require_current(arrays: list[SimArray], name: str) -> None:
    devices = sorted({array.memory.device for array in arrays})
    if len(devices) > 1:
        both = " and ".join(f"sim:{device}" for device in devices)
        raise ValueError(
            f"{name}: arrays of {both} in one operation: copy one to the other's device first"
        )
    if devices and devices[0] != current_device():
        raise ValueError(
            f"{name}: the array is on sim:{devices[0]}, the current device is "
            f"sim:{current_device()}"
        )


def _arrays(argument: object, name: str) -> Iterator[SimArray]:
    """The arrays in an argument, and in lists and tuples there; NumPy's own are refused."""
    if isinstance(argument, SimArray):
        yield argument
    elif isinstance(argument, np.ndarray):
        raise TypeError(
            f"{name}: a NumPy array of shape {argument.shape} among arrays of a device: "
            "asarray() copies it there"
        )
    elif isinstance(argument, (tuple, list)):
        for part in argument:
            yield from _arrays(part, name)
    elif isinstance(argument, dict):
        yield from _arrays(list(argument.values()), name)


def _plain(argument: object) -> object:
    """The argument with NumPy's view of each array in its place."""
    if isinstance(argument, SimArray):
        return argument.plain
    if isinstance(argument, (tuple, list)):
        return type(argument)(_plain(part) for part in argument)
    if isinstance(argument, dict):
        return {key: _plain(value) for key, value in argument.items()}
    return argument


def _wrap(result: object, arrays: list[SimArray]) -> object:
    """NumPy's result as an array of the device: a view of an argument's memory, or new memory."""
    if isinstance(result, (tuple, list)):
        return type(result)(_wrap(part, arrays) for part in result)
    if isinstance(result, np.generic):
        result = np.asarray(result)  # as in CuPy, where a sum stays on the device
    if not isinstance(result, np.ndarray):
        return result
    for array in arrays:
        if root(result) is array.memory.root:
            return SimArray(result, array.memory)
    return SimArray(result, Memory(current_device(), result, holds_something=True))


def mark_written(array: SimArray, index: object = ...) -> None:
    part = array.memory.written_part(array.plain)
    if part is not None:
        part[index] = 1


def require_written(array: SimArray, name: str) -> None:
    """Check mode: a NumPy operation must not read what nothing has written either."""
    part = array.memory.written_part(array.plain)
    if part is None or part.all():
        return
    index = tuple(int(i) for i in np.argwhere(~part.all(axis=-1))[0])
    raise KernelError(
        "uninitialised read",
        f"{name} reads element {index} of an array of shape {array.shape}, never written",
    )
