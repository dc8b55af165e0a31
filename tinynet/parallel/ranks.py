"""Many processes, one run: how the ranks that `mpiexec` starts agree, and how they end.

    mpiexec -n 4 python examples/alexnet.py train      four ranks, each with a quarter of each batch

All ranks run the same program in step; only rank 0, the leader, speaks and writes files. Their
parameters are the same at the start, since each draws them from the same seed, and stay the same,
since each makes the same steps (buckets.py).

A process that no MPI has started is `Alone`: the same calls, which then have nothing to do.

No call of MPI waits here: each is begun, and then asked for again and again. So Ctrl-C is heard,
another rank's failure ends the wait (watch.py), and the cores are left to whoever computes.
"""

import os
import pickle
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import numpy as np

from tinynet.devices import threads
from tinynet.parallel.direct import takes_gpu_memory
from tinynet.parallel.turn import Requests, Turn
from tinynet.parallel.watch import RankFailed, Watch, abort

T = TypeVar("T")
STUCK = 600.0  # seconds: who keeps the others waiting for so long in training hangs
LEAVING = 3.0  # seconds for the other ranks to come to an end, too, after a failure
SOON = 50e-6, 2e-3  # seconds between two questions whether something has come: the first, the last


class Alone:
    """A run in one process: rank 0 of 1."""

    rank, size = 0, 1
    local_rank, local_size = 0, 1  # among the ranks on the same machine
    own_gpus = False  # does the launcher show other GPUs to each rank of a machine?
    leader = True

    def gather(self, value: T, limit: float | None = None) -> list[T]:
        """The values of all ranks, by rank. RankFailed if one does not come within `limit` s."""
        return [value]

    def from_leader(self, work: Callable[[], T]) -> T:
        """What `work()` gives on the leader, on all ranks; or, on all, what it raises there."""
        return work()

    def agree(self, work: Callable[[], T]) -> T:
        """What `work()` gives here. If it fails on any rank, RankFailed on the others, too."""
        return work()

    def check_same(self, what: str, value: str) -> None:
        """RankFailed on all ranks if `value`, of `what`, is not the leader's everywhere."""

    def has_trained(self) -> None:
        """Note that this rank has made a step: it does not start any more."""

    def part(self, n: int) -> slice:
        """This rank's part of n things, such as the images of a batch."""
        return self.parts(n)[self.rank]

    def parts(self, n: int) -> list[slice]:
        """The parts of n things that the ranks have, by rank."""
        ends = [rank * n // self.size for rank in range(self.size + 1)]
        return [slice(start, end) for start, end in zip(ends, ends[1:])]

    def all_stop(self) -> None:
        """Note that what ends this rank ends all of them: nobody needs to be told."""

    def leave(self, status: int) -> int:
        """The end of the program, whose exit status is returned: that of the leader."""
        return status

    def describe(self) -> str:
        """For the start-up lines."""
        return "one process"


ONE_PROCESS = Alone()


class Ranks(Alone):
    """One of several processes. Make only one: MPI knows no more than one job in a process."""

    def __init__(self, mpi):
        comm = mpi.COMM_WORLD
        self._mpi, self._world = mpi, comm
        self._comm, self._end_comm = comm.Dup(), comm.Dup()
        name, version = mpi.get_vendor()
        self.library = f"{name} {'.'.join(map(str, version))}"
        self.rank, self.size, self.leader = comm.rank, comm.size, comm.rank == 0
        local = comm.Split_type(mpi.COMM_TYPE_SHARED)
        self.local_rank, self.local_size = local.rank, local.size
        visible = local.allgather(os.environ.get("CUDA_VISIBLE_DEVICES"))
        self.own_gpus = len({*visible}) == len(visible) > 1
        _share_cores(local)
        self.hosts = comm.allgather(socket.gethostname())
        self.names = [f"rank {rank} on {host}" for rank, host in enumerate(self.hosts)]
        self.takes_gpu_memory = takes_gpu_memory(mpi)
        self.turn = Turn()
        self.watch = Watch(comm, mpi.Status(), self.turn, self.names)
        self._together = False
        self._muted = _Muted()
        if not self.leader:
            sys.stdout = sys.stderr = self._muted
        self.watch.start()

    def new_comm(self):
        """Another way between all ranks, on which nothing overtakes anything."""
        with self.turn:
            comm, request = self._comm.Idup()
        self.wait(request)
        return comm

    def swap(self, comm, mine, theirs) -> Requests:
        """Begin to send mine[i] to each other rank i, and to take theirs[i] from it.

        By one message each, which is what an MPI that reads the memory of GPUs can send from it;
        Open MPI's collective operations that do not wait cannot.
        """
        others = [(self.rank + i) % self.size for i in range(1, self.size)]
        with self.turn:
            requests = [comm.Irecv(theirs[i], i) for i in others]
            requests += [comm.Isend(mine[i], i) for i in others]
        return Requests(self._mpi, self.turn, requests)

    # ---------------------------------------------------------------- agreeing

    def gather(self, value: T, limit: float | None = None) -> list[T]:
        return self._gather(self._comm, value, limit)

    def _gather(self, comm, value: Any, limit: float | None) -> list:
        self.watch.arrivals += 1
        packed = np.frombuffer(pickle.dumps(value), np.uint8)
        sizes = np.zeros(self.size, np.int64)
        with self.turn:
            request = comm.Iallgather(np.array([packed.size]), sizes)
        self.wait(request, limit)
        ends = np.cumsum(sizes)
        together = np.empty(ends[-1], np.uint8)
        with self.turn:
            places = (sizes, ends - sizes)
            request = comm.Iallgatherv(packed, [together, places, self._mpi.BYTE])
        self.wait(request, limit)
        return [pickle.loads(together[end - size : end].data) for size, end in zip(sizes, ends)]

    def wait(self, request, limit: float | None = None) -> None:
        """Until what was begun is complete. RankFailed if another rank fails, or takes too long."""
        began, pause = time.monotonic(), SOON[0]
        self._last = (
            request  # and with it the memory that MPI writes to, should this wait end early
        )
        if limit is not None and not self.leader:
            limit += LEAVING  # the leader is to say it
        while True:
            with self.turn:
                if request.Test():
                    return
            self.watch.check()
            if limit is not None and time.monotonic() - began > limit:
                late = f"{self.watch.late()} has kept the others waiting for {limit:.0f} s"
                raise RankFailed(f"{late}: it hangs")
            time.sleep(pause)
            pause = min(1.2 * pause, SOON[1])

    def from_leader(self, work: Callable[[], T]) -> T:
        result = error = None
        if self.leader:
            try:
                result = work()
            except Exception as failed:
                error = failed
        result, failed = self.gather((result, error and f"{error}"))[0]
        if failed is not None:
            self._stop_together(error or RankFailed(failed))
        return result

    def agree(self, work: Callable[[], T]) -> T:
        result = error = None
        try:
            result = work()
        except Exception as failed:
            error = failed
        texts = self.gather(error and _in_words(error))
        if any(texts):
            if len({*texts}) > 1:
                first = next(rank for rank, text in enumerate(texts) if text)
                error = RankFailed(f"{self.names[first]}: {texts[first]}")
            self._stop_together(error)
        return result

    def check_same(self, what: str, value: str) -> None:
        values = self.gather(value)
        for name, other in zip(self.names, values):
            if other != values[0]:
                text = f"{name} has {what} {other}, and {self.names[0]} {values[0]}"
                self._stop_together(RankFailed(f"{text}: wanted the same on all ranks"))

    def has_trained(self) -> None:
        self.watch.now_trains()

    def _stop_together(self, error: Exception) -> NoReturn:
        self.all_stop()
        raise error

    def all_stop(self) -> None:
        self._together = True

    # ---------------------------------------------------------------- the end

    def leave(self, status: int) -> int:
        if status == 0:
            try:
                self._gather(self._end_comm, 0, None)
            except RankFailed as failed:
                print(f"error: {failed}", file=sys.stderr)
                status = 1
            else:
                self.watch.end()
                self._mpi.Finalize()
                return 0
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self._leave_badly(status)
        return status

    def _leave_badly(self, status: int) -> None:
        self.watch.has_told = self.leader
        if not self._together and self.watch.failure is None:
            self.watch.alarm(self._muted.last_error() if not self.leader else "failed")
        try:
            alone = self.watch.failure is not None
            self._gather(self._end_comm, status, LEAVING if alone else None)
        except RankFailed:
            pass  # all are ended now, also those that have not come
        self._end(status)

    def _end(self, status: int) -> None:
        """End all processes at once: a launcher takes one exit with a status for a crash."""
        if not self.leader:
            while not self.watch.leader_is_silent:
                time.sleep(1)  # and the leader ends this process; or else the watch does
            time.sleep(0.2 * (self.rank - 1))
            os.write(2, f"error: {self.watch.failure}\n".encode())
            self.watch.has_told = True
        abort(self._world, status)

    def describe(self) -> str:
        counts = {host: self.hosts.count(host) for host in self.hosts}
        return f"{self.size} ranks: " + ", ".join(f"{n} on {host}" for host, n in counts.items())


class _Muted:
    """What a rank that does not speak would have said: nothing of it is shown."""

    encoding, errors = "utf-8", "backslashreplace"

    def __init__(self):
        self._text = ""

    def write(self, text: str) -> int:
        self._text = (self._text + text)[-4096:]
        return len(text)

    def flush(self) -> None:
        """There is nothing to be flushed."""

    def isatty(self) -> bool:
        return False

    def last_error(self) -> str:
        """The last line, which says why the program ends."""
        return (self._text.strip().splitlines() or ["it ended"])[-1].removeprefix("error: ")


def _in_words(error: Exception) -> str:
    """What the user is told; a bug is told with its place."""
    return f"{error}" or type(error).__name__


def _share_cores(local) -> None:
    """Keep to this rank's share of the machine's cores, unless the launcher has shared them out."""
    cores = local.allgather(threads.cores())
    if any(other != cores[0] for other in cores):
        return
    mine, rank = cores[0], local.rank
    start, end = (i * len(mine) // local.size for i in (rank, rank + 1))
    threads.keep_to(mine[start:end] or [mine[rank % len(mine)]])
