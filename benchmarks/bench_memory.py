"""The most memory that a process takes to train the full net: 5 steps, library and data included.

Each value is a process of its own, whose first loss must be the peers'.
"""

from bench_alexnet import FULL, SMALL
from contest import FLIPS, Disagreement, Session, agree, files
from engine import EngineError
from nets import Net
from pairs import Row, Table

NAME = "memory"
STEPS = 5


def benchmark(session: Session) -> list[Table]:
    table = Table(NAME, __doc__, unit="MB")
    for batch in (2,) if session.quick else (128, 32):
        net = Net(f"training, batch {batch}", "alexnet", SMALL if session.quick else FULL, batch)
        session.tell(f"{NAME}: {net.label}")
        work, values, results = net.work(), {}, {}
        with files(work.arrays) as place:
            for name in ("tinynet", *(peer.name for peer in session.peers)):
                engine = session.engine(name)
                try:
                    engine.make(work.case, place)
                    engine.time(STEPS)
                    values[name] = [engine.memory()["peak"]]
                    engine.make(work.case, place)
                    results[name] = engine.check()
                    agree(name, results["tinynet"], results[name], FLIPS)
                except (EngineError, Disagreement) as error:
                    if name == "tinynet":
                        raise
                    table.notes.append(f"{net.label}: {name} left out: {error}")
                    values.pop(name, None)
                session.end()  # the next one begins with nothing in memory
        table.rows.append(Row(net.label, values))
    return [table]
