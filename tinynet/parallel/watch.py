"""Is every rank still there? Two threads in each process that listen while the others work.

Each second a rank tells the leader (rank 0) that it lives, and the leader tells all the same. Who
has not been heard of for `SILENCE` seconds is frozen, or its machine or the way to it is gone. (A
program that starts may be silent for longer: the disk that it is read from can be slow.) A rank
that fails by itself says so to all others at once: an alarm. Either way `failure` says in words
what has happened, and whoever waits for something from the others stops waiting.

A process that is killed is noticed sooner by its launcher, which then ends all the others.
"""

import os
import threading
import time
from collections.abc import Iterable
from typing import NoReturn

from tinynet.parallel.turn import Turn

SILENCE = 15.0  # seconds without a sign of life, of a rank that trains
STARTING = 120.0  # and of one that has not yet made a step
PATIENCE = 10.0  # seconds after a failure in which the main thread may end in its own way
OVERTAKING = 2.0  # seconds in which what a rank sent before it failed may still arrive
BEAT, TICK = 1.0, 0.05  # seconds between signs of life; between two looks
ABORTING = 3.0  # seconds for MPI to end all processes, and this one with them
PAUSE = 5.0  # seconds without a look: this very process was stopped, and has no one to blame
TAG = 1


class RankFailed(Exception):
    """What ends the run on all ranks, said of the one where it happened: rank, host and cause."""


class Watch(threading.Thread):
    """Listens on a communicator of its own, a copy of `world`; `turn` is held around calls of MPI.

    `status` is a Status of MPI's, to be written to; `names` is how each rank is called in messages,
    "rank 3 on host b".
    """

    def __init__(self, world, status, turn: Turn, names: list[str]):
        super().__init__(name="tinynet-watch", daemon=True)
        self._world, self._comm = world, world.Dup()
        self._status, self._turn, self._names = status, turn, names
        self.rank, others = world.rank, range(1, world.size) if world.rank == 0 else (0,)
        self._heard = dict.fromkeys(others, time.monotonic())
        self.arrivals = 0  # how often this rank has come to a place where ranks meet
        self._arrivals = dict.fromkeys(others, 0)  # of others, as last heard
        self.trains = False
        self._training: set[int] = set()  # the others that have
        self._sending: list = []  # requests of messages on their way
        self._over = threading.Event()
        self.failure: str | None = None
        self._passed_on = False  # has the leader told it to all?
        self._failed_at = 0.0
        self.leader_is_silent = False
        self.has_told = False  # has the main thread said why all ends?

    # ---------------------------------------------------------------- for the main thread

    def check(self) -> None:
        """RankFailed if another rank has failed, and nothing of before that is still to come."""
        if self.failure and time.monotonic() - self._failed_at > OVERTAKING:
            raise RankFailed(self.failure)

    def now_trains(self) -> None:
        """Tell the others that this rank does not start any more: it has made a step."""
        if not self.trains:
            self.trains = True
            with self._turn:
                self._tell(self._heard, None)

    def late(self) -> str:
        """Who has not come to where this rank is, in words."""
        late = [rank for rank, count in self._arrivals.items() if count < self.arrivals]
        return ", ".join(self._names[rank] for rank in late) or "a rank"

    def alarm(self, text: str) -> None:
        """Tell all other ranks that this one fails, and why."""
        text = f"{self._names[self.rank]}: {text}"
        with self._turn:
            self._tell({*range(self._comm.size)} - {self.rank}, text)
        self._fail(text)

    def end(self) -> None:
        """Listen no longer."""
        with self._turn:
            self._over.set()
        self.join()

    # ---------------------------------------------------------------- the thread

    def run(self) -> None:
        threading.Thread(target=self._carry, name="tinynet-post", daemon=True).start()
        looked = time.monotonic()
        while not self._over.wait(TICK):
            now = time.monotonic()
            if now - looked > PAUSE:
                self._heard = dict.fromkeys(self._heard, now)
            looked = now
            self._look_for_silence(now)
            if self.failure and now - self._failed_at > PATIENCE + self._turn_to_speak():
                self._end_all()

    def _carry(self) -> None:
        """Send and receive, in a thread of its own: where a network is gone, MPI may hang."""
        sent = 0.0
        while not self._over.wait(TICK):
            now = time.monotonic()
            with self._turn:
                if self._over.is_set():
                    return
                self._receive(now)
                if now - sent > BEAT:
                    sent = now
                    self._tell(self._heard, None)
                if self.failure and self.rank == 0 and not self._passed_on:
                    self._passed_on = True
                    self._tell(self._heard, self.failure)

    def _tell(self, others: Iterable[int], alarm: str | None) -> None:
        self._sending = [request for request in self._sending if not request.Test()]
        for other in others:
            self._sending.append(self._comm.isend((self.arrivals, self.trains, alarm), other, TAG))

    def _receive(self, now: float) -> None:
        while self._comm.iprobe(tag=TAG, status=self._status):
            source = self._status.source
            arrivals, trains, alarm = self._comm.recv(source=source, tag=TAG)
            if source in self._heard:
                self._heard[source], self._arrivals[source] = now, arrivals
                if trains:
                    self._training.add(source)
            if alarm is not None:
                self._fail(alarm)

    def _look_for_silence(self, now: float) -> None:
        silent = {rank: now - heard for rank, heard in self._heard.items()}
        silent = {rank: s for rank, s in silent.items() if s > self._patience(rank)}
        if not silent or self.failure:
            return
        self.leader_is_silent = [*silent] == [0]
        text = (
            f"{', '.join(self._names[rank] for rank in silent)}: not heard of for "
            f"{min(silent.values()):.0f} s: frozen, or its machine or the network is gone"
        )
        self._fail(text)

    def _patience(self, rank: int) -> float:
        return SILENCE if rank in self._training else STARTING

    def _fail(self, text: str) -> None:
        if self.failure is None:
            self._failed_at, self.failure = time.monotonic(), text

    def _turn_to_speak(self) -> float:
        """The leader ends all; should it not, then the others in turn, each a little later."""
        return min(self.rank, 20) * 0.2 + (1.0 if self.rank else 0.0)

    def _end_all(self) -> None:
        """The main thread computes or hangs, and cannot end in its own way."""
        if not self.has_told and (self.rank == 0 or self.leader_is_silent):
            os.write(2, f"error: {self.failure}\n".encode())
        abort(self._world, 1)


def abort(world, status: int) -> NoReturn:
    """End all processes of the job, with this exit status, and without MPI's own words.

    `world` is MPI.COMM_WORLD itself: for a copy of it MPICH ends this process alone, and which
    status its launcher then finds is a matter of luck. Where MPI hangs, at least this one ends, and
    its launcher will end the others.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    threading.Thread(target=world.Abort, args=(status,), daemon=True).start()
    time.sleep(ABORTING)
    os._exit(status)
