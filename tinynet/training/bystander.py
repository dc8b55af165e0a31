"""The folder of a run on the ranks that only compute: the leader alone writes and reads it.

So no other machine needs to see it.
"""

from pathlib import Path

from tinynet.training.run_folder import RunFolder


class Bystander(RunFolder):
    """A run's folder of which another process takes care: nothing is written, nothing found."""

    def create(self) -> None:
        """The leader does."""

    def write_config(self, config: dict) -> None:
        """The leader does."""

    def read_config(self) -> None:
        """Nor does what config.json asks for, such as other logs, happen twice."""

    def log(self, line: dict) -> None:
        """The leader does."""

    def read_log(self) -> list[dict]:
        return []

    def rewind(self, step: int, validated: bool) -> list[dict]:
        return []

    def steps(self) -> list[Path]:
        return []

    def step_of_best(self) -> int | None:
        return None
