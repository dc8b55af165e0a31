"""Copies from one GPU to another: beside the kernels, and never waiting for a whole device.

Each GPU has a stream for what it receives. Three events order a copy among the kernels:

    kernels of the source   ..make x.. |ready
    the target's copies                 wait for ready and free | copy | arrived
    kernels of the target   ..  |free                                    wait for arrived | use y

`free` is there because y may lie where an array was that kernels before it still read. The host
waits for nothing: it has issued all this long before it happens. So x must not be given back to
the memory pool yet; the source keeps it until `arrived` has passed.

Where one GPU cannot read the other's memory, a copy goes through pinned memory of the host, in two
legs, the first on a stream of the source.
"""

from functools import cache

import numpy as np

MEASURED = 16 << 20  # bytes: so many that a copy's start hardly counts


def between_gpus(x, source, target):
    """The array x of the GPU `source` on the GPU `target`."""
    with source.active():
        x = source.contiguous(x)
        ready = _mark(source)
    with target.active():
        y = target.empty(x.shape, x.dtype)
        free = _mark(target)
    if can_read(target, source):
        stream, held = target.copies, (x,)
        stream.wait_event(ready)
        stream.wait_event(free)
        with target.active():
            y.data.copy_from_device_async(x.data, x.nbytes, stream)
    else:
        stream, host = target.copies, _pinned(target.xp, x)
        held = (x, host)
        source.copies.wait_event(ready)
        with source.active():
            x.get(stream=source.copies, out=host, blocking=False)
            stream.wait_event(_mark(source, source.copies))
        stream.wait_event(free)
        with target.active():
            y.set(host, stream=stream)
    with target.active():
        arrived = _mark(target, stream)
        target.xp.cuda.get_current_stream().wait_event(arrived)
    source.lend(arrived, held)
    return y


def _mark(device, stream=None):
    """An event behind all that the stream (else the one of the kernels) was given so far."""
    event = device.xp.cuda.Event(disable_timing=True)
    event.record(stream or device.xp.cuda.get_current_stream())
    return event


def _pinned(xp, x) -> np.ndarray:
    """An array of the host like x, in pages that stay in place so that a GPU can reach them."""
    return np.frombuffer(xp.cuda.alloc_pinned_memory(x.nbytes), x.dtype, x.size).reshape(x.shape)


@cache
def can_read(reader, owner) -> bool:
    """Has one GPU access to the other's memory?"""
    return bool(reader.xp.cuda.runtime.deviceCanAccessPeer(reader.index, owner.index))


def gigabytes_per_second(source, target) -> float:
    """How fast a large array goes from one GPU to the other; the second of two tries counts."""
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
    return x.nbytes / 1e6 / max(milliseconds, 1e-6)
