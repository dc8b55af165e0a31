"""What has been said already: a finding is said once it has lasted, and not again and again.

Each measurement shows a finding or does not. The finding is said when `patience` measurements in a
row show it; again only when it has become twice as severe, or when it comes back after it was gone,
which takes `GONE` measurements without it: what hovers around a limit is said once.
"""

from tinynet.training.doctor.finding import Finding

GONE = 3


class Memory:
    """For each kind of finding seen lately, how often in a row, and how severe when said."""

    def __init__(self):
        self._known: dict[str, dict] = {}

    def news(self, kind: str, finding: Finding | None, patience: int = 1) -> list[Finding]:
        """Note that `kind` was looked for, and what was found; return the finding if it is news."""
        if finding is None:
            self._note_absence(kind)
            return []
        known = self._known.setdefault(kind, {"running": 0, "absent": 0, "said": 0.0})
        known["running"] += 1
        known["absent"] = 0
        if known["running"] < patience or finding.severity < 2 * known["said"]:
            return []
        known["said"] = finding.severity
        return [finding]

    def _note_absence(self, kind: str) -> None:
        if known := self._known.get(kind):
            known["running"] = 0
            known["absent"] += 1
            if known["absent"] >= GONE:
                del self._known[kind]

    def state_dict(self) -> dict:
        return {kind: dict(known) for kind, known in self._known.items()}

    def load_state_dict(self, state: dict) -> None:
        self._known = {kind: dict(known) for kind, known in state.items()}
