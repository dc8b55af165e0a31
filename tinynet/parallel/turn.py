"""Whose turn is it to call MPI? In it no two threads may stand at once."""

import threading

from tinynet.devices import Gpu


class Turn:
    """A lock that is held around each call of MPI.

    gpu    whose memory MPI is given, if any: current in each thread that calls MPI, since whoever
           asks after a message may have to copy it
    """

    def __init__(self):
        self._lock = threading.RLock()
        self.gpu: Gpu | None = None

    def __enter__(self) -> None:
        self._lock.acquire()
        if self.gpu is not None:
            self.gpu.xp.cuda.Device(self.gpu.index).use()

    def __exit__(self, *_) -> None:
        self._lock.release()
