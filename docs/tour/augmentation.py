"""How many crops there are, and colour noise by eigenvalues against their square roots."""

import numpy as np

from tinynet.data import Loader, Sample, colour_components, measure, open_dataset
from tinynet.training.inputs import Inputs


def augmented(image, top, left, flip, shift, mean):
    """What training makes of an image (3, 256, 256) of bytes. shift (3,), mean (3, 224, 224)."""
    crop = image[:, top : top + 224, left : left + 224]
    if flip:
        crop = crop[:, :, ::-1]
    return crop + shift[:, None, None] - mean


def eigenvalues() -> np.ndarray:
    """Of the colours of 500 images that tinynet draws, 0 to 255; the largest first."""
    images = Sample(open_dataset("shapes", "train", image_size=32), 500)
    return (colour_components(measure(images).covariance) ** 2).sum(axis=1)


def main() -> None:
    shapes = open_dataset("shapes", "train", image_size=224, store_size=256)
    loader = Loader(shapes, 1, seed=0, workers=1, train=True)
    _, top, left, _, _ = loader.draw(0)
    rows, columns = len(np.unique(top)), len(np.unique(left))
    print(f"first row of a crop: {top.min()} to {top.max()}, which are {rows}")
    print(f"{rows} x {columns} x 2 = {rows * columns * 2:,}    32 x 32 x 2 = {32 * 32 * 2:,}")

    print("noise of 0.1, in grey levels of 0 to 255")
    for k, value in enumerate(eigenvalues(), 1):
        noise, of_root = 0.1 * value, 0.1 * value**0.5
        print(f"  component {k}: 0.1 x eigenvalue {noise:3.0f}, 0.1 x its root {of_root:.1f}")

    batch = next(loader.epoch(0))
    mean, shift = np.full((3, 224, 224), 120.0, np.float32), np.zeros(3, np.float32)
    places = batch.top, batch.left, batch.flip
    ours = Inputs(mean, np.ones(3))(batch.images, *places).numpy()[0]
    its = augmented(batch.images[0], *(int(place[0]) for place in places), shift, mean)
    print(f"the definition differs from the kernel's twin by {np.abs(ours - its).max():.9f}")


if __name__ == "__main__":
    main()
