"""Copies from one GPU to another: alongside the kernels, never waiting for a whole device.

Each GPU has a stream for what it receives. Three events order a copy among the kernels:

    kernels of the source   ..make x.. |ready
    the target's copies                 wait for ready and free | copy | arrived
    kernels of the target   ..  |free                                    wait for arrived | use y

`free` is needed because y may occupy the memory of an earlier array that kernels still read. The
host waits for nothing: it issues all this long before it happens. So x must not be given back to
the memory pool yet; the source keeps it until `arrived` has passed.

If one GPU cannot read the other's memory, a copy goes through pinned host memory in two legs, the
first on a stream of the source.
"""

from functools import cache

import numpy as np

from tinynet.console.sentences import GB

MEASURED = 16 << 20  # bytes: enough that the overhead of starting a copy hardly counts


def between_gpus(x, source, target):
    """A copy on the GPU `target` of the array x on the GPU `source`."""
    with source.active():
        x = source.contiguous(x)
        ready = mark(source)
    with target.active():
        y = target.empty(x.shape, x.dtype)
        free = mark(target)
    if can_read(target, source):
        stream, held = target.copies, (x,)
        stream.wait_event(ready)
        stream.wait_event(free)
        with target.active():
            y.data.copy_from_device_async(x.data, x.nbytes, stream)
    else:
        stream, host = target.copies, pinned(target.xp, x.nbytes).view(x.dtype).reshape(x.shape)
        held = (x, host)
        source.copies.wait_event(ready)
        with source.active():
            x.get(stream=source.copies, out=host, blocking=False)
            stream.wait_event(mark(source, source.copies))
        stream.wait_event(free)
        with target.active():
            y.set(host, stream=stream)
    with target.active():
        arrived = mark(target, stream)
        target.xp.cuda.get_current_stream().wait_event(arrived)
    source.lend(arrived, held)
    return y


def mark(device, stream=None):
    """An event after everything issued so far on `stream` (by default that of the kernels)."""
    event = device.xp.cuda.Event(disable_timing=True)
    event.record(stream or device.xp.cuda.get_current_stream())
    return event


def pinned(xp, nbytes: int) -> np.ndarray:
    """Bytes of the host in pages that stay in place, so that a GPU can reach them."""
    return np.frombuffer(xp.cuda.alloc_pinned_memory(nbytes), np.uint8, nbytes)


@cache
def can_read(reader, owner) -> bool:
    """Can one GPU read the other's memory directly?"""
    return bool(reader.xp.cuda.runtime.deviceCanAccessPeer(reader.index, owner.index))


def gigabytes_per_second(source, target) -> float:
    """How fast a large array goes from one GPU to another; the second of two tries counts."""
    xp, free = source.xp, min(d.xp.cuda.Device(d.index).mem_info[0] for d in (source, target))
    x = source.zeros((max(1, min(MEASURED, free // 8)),), np.dtype(np.uint8))
    for _ in range(2):
        with target.active():
            start = xp.cuda.Event()
            start.record(target.copies)
            between_gpus(x, source, target)
            end = xp.cuda.Event()
            end.record(target.copies)
            end.synchronize()
            milliseconds = xp.cuda.get_elapsed_time(start, end)
    source.take_back()
    return x.nbytes / GB / max(milliseconds / 1e3, 1e-9)
