"""One piece of work, done by tinynet and by its peers: results first, then times in turn."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from engine import Engine, EngineError
from pairs import BOUND, Row, Table, alternate
from peers import Peer

OWN = {"tinynet": ["engine_tinynet.py"], BOUND: ["engine_bound.py"]}
LOSS = 1e-3  # of the largest value: float32 sums differ by their order
# A net's results are compared by the norm, and twice. In float64 they must be the same.
EXACT = 1e-9  # sums of 1e5 terms, each rounded to 1e-16
# In float32 rounding also decides whether a ReLU lets a value near 0 through, and which of two
# nearly equal pixels is a window's maximum: some gradients then go elsewhere. In the full net of 13
# sizes ours were 7e-7 to 1.2e-2 from those in float64, and PyTorch's 2e-6 to 1e-2.
FLIPS = 3e-2


class Disagreement(Exception):
    """The contestants' results are not the same: there is nothing to time."""


@dataclass
class Session:
    """What is wanted of this run: with whom, how often, and how long a timing lasts at least."""

    peers: list[Peer]
    rounds: int
    seconds: float
    quick: bool
    data: Path | None = None
    running: dict[tuple[str, int | None], Engine] = field(default_factory=dict)

    def engine(self, name: str, cores: int | None = None) -> Engine:
        """The process of tinynet, the bound or a peer: the one that runs, or a new one."""
        if (name, cores) not in self.running:
            if name in OWN:
                self.running[name, cores] = Engine(name, sys.executable, OWN[name], cores)
            else:
                peer = next(peer for peer in self.peers if peer.name == name)
                self.running[name, cores] = peer.engine(cores)
        return self.running[name, cores]

    def end(self) -> None:
        """End all processes, so that the next ones begin with nothing in memory."""
        while self.running:
            self.running.popitem()[1].end()

    def tell(self, text: str) -> None:
        """How far it is; not part of the results."""
        print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Work:
    """What the engines are to do.

    case, arrays    what they make it from
    bound           by phase the products and bytes that it takes at least: see engine_bound.py
    compared        False: random numbers are drawn, and each library draws its own
    cores           how many each engine may use; None: all
    items           images in it
    net             True: results are those of a whole net, see EXACT and FLIPS
    """

    label: str
    case: dict
    arrays: dict[str, np.ndarray]
    bound: dict | None = None
    compared: bool = True
    cores: int | None = None
    items: int = 0
    net: bool = False


@contextmanager
def files(arrays: dict[str, np.ndarray]) -> Iterator[Path]:
    """The arrays as a file, from which engines make their work."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "in.npz"
        np.savez(place, **arrays)
        yield place


def contest(session: Session, table: Table, work: Work) -> dict[str, dict[str, np.ndarray]]:
    """Add a row for each phase of the work to the table; return the results of each contestant.

    A peer that cannot do it, or whose results differ, is left out, with a note. Raises Disagreement
    where it may be tinynet that is wrong.
    """
    session.tell(f"{table.title}: {work.label}")
    engines, results, exact = {}, {}, {}
    in_double = in_float64(work.arrays) if work.net else {}
    with files(work.arrays) as place, files(in_double) as exact_place:
        for name in ("tinynet", *(peer.name for peer in session.peers)):
            engine = session.engine(name, work.cores)
            try:
                if work.net:
                    engine.make(work.case, exact_place)
                    exact[name] = engine.check()
                engine.make(work.case, place)
                results[name] = engine.check()
                engines[name] = engine
            except EngineError as error:
                if name == "tinynet":
                    raise
                table.notes.append(f"{work.label}: left out: {error}")
        if work.compared:
            for wrong, how in odd_ones(results, exact).items():
                table.notes.append(f"**{wrong} computes something else**, and is not timed: {how}")
                del engines[wrong]
        if work.bound:
            engines[BOUND] = session.engine(BOUND, work.cores)
            engines[BOUND].make({"kind": "bound", "phases": work.bound}, place)
        for phase, values in timed(session, engines).items():
            label = work.label if phase == "step" else f"{work.label} {phase}"
            table.rows.append(Row(label, values, items=work.items))
    return results


def timed(session: Session, engines: dict[str, Engine]) -> dict[str, dict[str, list[float]]]:
    """Seconds by phase and contestant. The first work (buffers, compilation) does not count."""
    repeats = {}
    for name, engine in engines.items():
        engine.time(1)
        once = sum(engine.time(1).values())
        repeats[name] = max(1, min(1000, round(session.seconds / max(once, 1e-6))))
    contestants = {
        name: (lambda engine=engine, n=repeats[name]: engine.time(n))
        for name, engine in engines.items()
    }
    return alternate(contestants, session.rounds)


def odd_ones(results: dict[str, dict], exact: dict[str, dict] | None = None) -> dict[str, str]:
    """The peers whose results are not tinynet's, and how they differ; `exact` has those of a whole
    net in float64. Raises Disagreement if there are such and no other peer's are tinynet's."""
    wrong, right = {}, 0
    for name in results:
        try:
            if exact:
                if exact[name]["loss"].dtype == np.float64:  # JAX computes in float32 all the same
                    agree(f"{name} in float64", exact["tinynet"], exact[name], EXACT)
                agree(name, exact["tinynet"], results[name], FLIPS)
            else:
                agree(name, results["tinynet"], results[name])
            right += name != "tinynet"
        except Disagreement as error:
            wrong[name] = str(error)
    if "tinynet" in wrong or (wrong and not right):
        raise Disagreement("; ".join(wrong.values()))
    return wrong


def agree(name: str, ours: dict, theirs: dict, of_norm: float | None = None) -> None:
    """Raise Disagreement unless each result is the same: to LOSS of its largest value, or to
    `of_norm` of its norm."""
    if ours.keys() != theirs.keys():
        raise Disagreement(f"{name} gives {sorted(theirs)}, tinynet {sorted(ours)}")
    size, most, of = (norm, of_norm, "norm") if of_norm else (largest, LOSS, "largest")
    for key, own in ours.items():
        other = theirs[key]
        if own.shape != other.shape:
            raise Disagreement(f"{key} of {name} is {other.shape}, ours {own.shape}")
        off = own.astype(np.float64) - other
        if not size(off) <= most * size(other):
            raise Disagreement(
                f"{key} of {name} is {size(off):.3g} off, where the {of} is {size(other):.3g}"
            )


def in_float64(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same values: labels and images of integers stay what they are."""
    return {n: a.astype(np.float64) if a.dtype.kind == "f" else a for n, a in arrays.items()}


def largest(array: np.ndarray) -> float:
    return float(np.abs(array).max()) if array.size else 0.0


def norm(array: np.ndarray) -> float:
    return float(np.linalg.norm(array.astype(np.float64)))
