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


class Requests:
    """Several requests to MPI, asked for as one."""

    def __init__(self, mpi, turn: Turn, requests: list):
        self._mpi, self._turn, self._requests = mpi, turn, requests

    def Test(self) -> bool:  # noqa: N802 (the name is MPI's)
        with self._turn:
            return self._mpi.Request.Testall(self._requests)
