"""Taking an index apart: which channel is this?"""

import numpy as np

from tinynet.gym.exercise import Exercise, Try

TASK = """
bias_forward: y[ni, ci, pixel] += bias[ci], in place.

    y, as it lies in memory:  image 0                            image 1
                              channel 0  channel 1  channel 2    channel 0  channel 1  channel 2
                              pppppppp   pppppppp   pppppppp     pppppppp   pppppppp   pppppppp
    plus                      bias[0]    bias[1]    bias[2]      bias[0]    bias[1]    bias[2]

  y (in, out)   (n, c, plane): n images of c channels of plane pixels
  bias          (c,)

Element (ni, ci, pixel) is y[(ni * c + ci) * plane + pixel]. One thread for each element; but the
grid has at most so many blocks of 256 threads, so each goes on by one whole grid.
"""

HINTS = (
    "From the index of an element, find its channel: first leave the pixel out, then the image.",
    "index / plane is ni * c + ci. What is left of that, divided by c?",
    """for (int index = first; index < n * c * plane; index += gridDim.x * blockDim.x) {
    const int ci = index / plane % ...;
    y[index] += ...;
}""",
)


def mistakes(given: dict) -> dict[str, np.ndarray]:
    y, bias = given["y"], given["bias"]
    n, c, plane = (given[name] for name in ("n", "c", "plane"))
    index = np.arange(y.size)

    def with_channel(channel: np.ndarray) -> np.ndarray:
        return (y.ravel() + bias[channel]).reshape(y.shape)

    return {
        "the bias is written over y: it has to be added": np.broadcast_to(
            bias.reshape(1, c, 1), (n, c, plane)
        ).reshape(y.shape),
        "index % c is the channel only where the channels stand last": with_channel(index % c),
        "the bias is taken away, not added": 2 * y - with_channel(index // plane % c),
        "each element gets the bias of its pixel, or of its image": with_channel(
            index // (c * plane) % c
        ),
        "the bias of the next channel is added": with_channel((index // plane + 1) % c),
        "index % plane is the pixel: the channel is what stands before it": with_channel(
            index % plane % c
        ),
    }


EXERCISE = Exercise(
    "bias_forward",
    "a bias for every channel: an index taken apart",
    TASK,
    (
        Try({"n": 3, "c": 5, "plane": 49}),
        Try({"n": 3, "c": 5, "plane": 49}, blocks=1),
        Try({"n": 9, "c": 67, "plane": 1}),
        Try({"n": 1, "c": 1, "plane": 1}),
        Try({"n": 0, "c": 5, "plane": 49}),
    ),
    HINTS,
    mistakes=mistakes,
)
