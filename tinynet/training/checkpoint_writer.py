"""Checkpoints are written in the background: training waits for a copy in memory, not for the disk.

    training   ..steps..|copy|..steps..........|copy|..
    writer                   |write|fsync|rename|    |write|..

There is one copy, in the same arrays each time: fresh memory would take many times longer to fill.
The next checkpoint waits until the previous one is on the disk.
"""

from threading import Thread

import numpy as np

from tinynet.training.run_folder import RunFolder


class CheckpointWriter:
    """Writes the checkpoints of one run."""

    def __init__(self, folder: RunFolder):
        self._folder = folder
        self._thread: Thread | None = None
        self._error: Exception | None = None
        self._copies: dict[tuple, np.ndarray] = {}  # by their path of keys in the state

    def write(self, step: int, state: dict, best: bool) -> None:
        """Start writing `state`, also as the best one if `best`. Its arrays may change afterwards.

        Raises the error of the previous checkpoint, if that failed.
        """
        self.finish()
        task = {"target": self._write, "args": (step, self._copy(state, ()), best)}
        # A daemon, so that a second Ctrl-C does not wait for the disk; half a file does no harm.
        self._thread = Thread(**task, name="tinynet-checkpoint", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise the error of a write that has already failed, without waiting."""
        if self._error is not None:
            self.finish()

    def finish(self) -> None:
        """Wait until the last checkpoint is on the disk. Raises its error if that failed."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _copy(self, value, path: tuple):
        """`value` with its arrays copied, into the memory of the previous copies."""
        if isinstance(value, dict):
            return {key: self._copy(v, (*path, key)) for key, v in value.items()}
        if isinstance(value, list | tuple):
            return [self._copy(v, (*path, i)) for i, v in enumerate(value)]
        if not isinstance(value, np.ndarray):
            return value
        copy = self._copies.get(path)
        if copy is None or (copy.shape, copy.dtype) != (value.shape, value.dtype):
            copy = self._copies[path] = np.empty_like(value)
        np.copyto(copy, value)
        return copy

    def _write(self, step: int, state: dict, best: bool) -> None:
        try:
            path = self._folder.save(step, state)
            if best:
                self._folder.mark_best(path)
        except Exception as error:
            self._error = error  # raised later, in the training thread
