"""What was said already. A finding is said when it has lasted, and then not again and again.

Each time something is measured, its finding is there or not. It is said when it was there
`patience` times running; anew only when it has become twice as severe, or when it comes back after
it was gone, which takes `GONE` measurements without it: what wavers about a limit is said once.
"""

from tinynet.doctor.finding import Finding

GONE = 3


class Memory:
    """For each kind of finding that was there lately, how often, and what was said of it."""

    def __init__(self):
        self._known: dict[str, dict] = {}

    def news(self, kind: str, finding: Finding | None, patience: int = 1) -> list[Finding]:
        """Note that `kind` was looked for, and what was found; the finding if it is to be said."""
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
