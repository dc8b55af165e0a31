"""How much of what each layer gives depends on the image, before the first step."""

import numpy as np

from tinynet import Tensor
from tinynet.data import open_dataset
from tinynet.models.alexnet import AlexNet
from tinynet.training.doctor.look import look

SIDE, IMAGES, WIDTH = 64, 32, 0.25
LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
PROFILES = {"paper": 1, "source2012": 1, "modern": 64}  # by how much pixels are divided


def shares() -> dict[str, list[float]]:
    """For each profile: of each layer's output, the share that depends on the image, in %.

    The output has a mean over the images, which says nothing of any of them; the share is the
    standard deviation around it, divided by the rms of all.
    """
    dataset = open_dataset("shapes", "train", image_size=SIDE, store_size=SIDE)
    images = np.stack([dataset.load(i) for i in range(IMAGES)]).astype(np.float32)
    images -= images.mean(axis=0)
    found = {}
    for profile, divisor in PROFILES.items():
        alexnet = AlexNet(10, profile, image_size=SIDE, width=WIDTH)
        signal = look(alexnet, Tensor(images / divisor)).signal
        found[profile] = [100 * signal[name] for name in LAYERS]
    return found


def main() -> None:
    print(f"AlexNet at {WIDTH} of its width, {IMAGES} images of {SIDE} x {SIDE}")
    print("how much of each layer's output depends on the image, in %")
    print(f"  {'':<10}" + "".join(f"{name:>7}" for name in LAYERS))
    for profile, of_layers in shares().items():
        print(f"  {profile:<10}" + "".join(f"{share:7.2f}" for share in of_layers))


if __name__ == "__main__":
    main()
