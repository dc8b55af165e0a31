"""Train the full net for three steps with FAKE_DRY=1: `full_net.py cuda:0 128`.

Prints, as JSON, how many bytes CuPy's memory pool has taken on each device by then, and how often
each kernel, product, copy and synchronisation ran in the last step.
"""

import json
import sys

import fakegpu
import numpy as np

import tinynet
from tinynet import functional as F
from tinynet import optim
from tinynet.models import AlexNet
from tinynet.training.inputs import Inputs


def main(devices: tuple[str, ...], n: int) -> None:
    model = AlexNet(1000, devices=devices, profile="source2012")
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    inputs = Inputs(np.zeros((3, 224, 224), np.float32), np.ones(3, np.float32), devices[0])
    images, zero = np.zeros((n, 3, 256, 256), np.uint8), np.zeros(n, np.int32)

    def step() -> None:
        logits = model(inputs(images, zero, zero, zero))
        loss = F.cross_entropy(logits, zero)
        loss.item()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    for _ in range(3):
        fakegpu.clear()
        step()
    counts, taken = fakegpu.counts(), [tinynet.device(name).bytes_taken() for name in devices]
    print(json.dumps({"taken": taken, "counts": counts}))


if __name__ == "__main__":
    main(tuple(sys.argv[1].split(",")), int(sys.argv[2]))
