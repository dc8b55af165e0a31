"""Does training wait for its images? Then a faster network would gain nothing.

The only finding that a clock decides; it is not kept for a resumed run, which may be on another
machine.
"""

from tinynet.training.doctor.finding import Finding

WAITING = 0.2  # of the time
INTERVALS = 3  # in a row: a single one, such as the first, may be slow
SECONDS = 30.0  # in all


class Loading:
    """Adds up consecutive intervals in which training waited for data."""

    def __init__(self, workers: int, cores: int, prepared: bool):
        self._workers, self._cores, self._prepared = workers, cores, prepared
        self._forget()

    def _forget(self) -> None:
        self._intervals, self._seconds, self._waited, self._images = 0, 0.0, 0.0, 0

    def after_interval(self, images: int, seconds: float, waited: float) -> Finding | None:
        """The finding, if any, after an interval of `seconds`, `waited` of them for `images`."""
        if waited < WAITING * seconds:
            self._forget()
            return None
        self._intervals += 1
        self._images += images
        self._seconds += seconds
        self._waited += waited
        if self._intervals < INTERVALS or self._seconds < SECONDS:
            return None
        return self._finding()

    def _finding(self) -> Finding:
        share = self._waited / self._seconds
        busy = max(self._seconds - self._waited, 1e-9)
        return Finding(
            "slow_loading",
            f"{share:.0%} of the last {self._seconds:.0f} s was spent waiting for images: the "
            f"loader delivers {self._images / self._seconds:.0f} a second, the network could train "
            f"on {self._images / busy:.0f}",
            f"reading, decoding and scaling images is the bottleneck, with {self._workers} "
            f"worker{'s' * (self._workers > 1)} on {self._cores} core{'s' * (self._cores > 1)}",
            self._remedy(),
            severity=share,
        )

    def _remedy(self) -> str:
        remedies = []
        if self._workers < self._cores:
            remedies.append(f"--workers {self._cores}")
        if not self._prepared:
            remedies.append("`prepare` the data once, so that images come at their stored size")
        return ", or ".join(remedies) or "more cores, or a faster disk: the data are prepared"
