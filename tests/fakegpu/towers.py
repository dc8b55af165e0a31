"""Train two towers for three steps, and print a hash of the weights: `towers.py cuda:0,cuda:1`.

The hash must not depend on FAKE_ORDER, FAKE_SEED or FAKE_PEERS: where it does, an event is missing.
"""

import hashlib
import sys

import fakegpu
import numpy as np

from tinynet import functional as F
from tinynet import optim
from tinynet.devices import gpu
from tinynet.models import AlexNet
from tinynet.training.inputs import Inputs

CLASSES, IMAGES, PIXELS = 5, 4, 64


def main(devices: tuple[str, ...]) -> None:
    gpu.Gpu.part_bytes = 300_000  # so that a batch goes through in several parts
    model = AlexNet(CLASSES, devices=devices, image_size=PIXELS, width=0.05, profile="source2012")
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    mean = np.full((3, PIXELS, PIXELS), 120, np.float32)
    inputs = Inputs(mean, np.full(3, 50, np.float32), devices[0])
    rng = np.random.default_rng(0)
    for _ in range(3):
        images = rng.integers(0, 256, (IMAGES, 3, PIXELS + 9, PIXELS + 9), dtype=np.uint8)
        top, left, flip = (rng.integers(0, end, IMAGES, dtype=np.int32) for end in (9, 9, 2))
        logits = model(inputs(images, top, left, flip))
        images[...] = 0  # the copy must have been taken
        loss = F.cross_entropy(logits, rng.integers(0, CLASSES, IMAGES))
        loss.item()  # as training does: then tower b has its copy of the input (inputs.py)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    digest = hashlib.sha256()
    for _, array in sorted(model.state_dict().items()):
        digest.update(array.tobytes())
    if error := fakegpu.error():
        sys.exit(error)
    print(f"loss {loss.item():.6f} weights {digest.hexdigest()[:16]}")


if __name__ == "__main__":
    main(tuple(sys.argv[1].split(",")))
