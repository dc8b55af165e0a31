"""What a training step costs by the size of the batch, of the images, and the number of cores.

The paper's net at full width; where one size varies the others are batches of 32, 224 pixels, and
all cores. Checked and bounded as the full net is, see alexnet.
"""

import os
from dataclasses import replace

from bench_alexnet import FULL, SMALL
from contest import Session, contest
from nets import Net
from pairs import Table

NAME = "scaling"
BATCHES, SIDES = (1, 2, 4, 8, 16, 32, 64, 128), (64, 96, 128, 160, 192, 224)


def benchmark(session: Session) -> list[Table]:
    arguments = SMALL if session.quick else FULL
    usual = Net("", "alexnet", arguments, 2 if session.quick else 32)
    cores = len(os.sched_getaffinity(0))
    tables = [
        Table(f"{NAME}, batch", __doc__),
        Table(f"{NAME}, image size", "As above."),
        Table(f"{NAME}, cores", "As above."),
    ]
    for batch in (1, 2) if session.quick else BATCHES:
        contest(session, tables[0], replace(usual, label=f"batch {batch}", batch=batch).work())
    for side in (64,) if session.quick else SIDES:
        net = replace(usual, label=f"{side} pixels", arguments={**arguments, "image_size": side})
        contest(session, tables[1], net.work())
    counts = sorted({1, cores} | {2**i for i in range(cores.bit_length()) if 2**i <= cores})
    for count in counts[:1] if session.quick else counts:
        net = replace(usual, label=f"{count} core{'s' if count > 1 else ''}")
        contest(session, tables[2], net.work(cores=count))
    return tables
