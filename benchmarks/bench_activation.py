"""ReLU after conv1 and fc6, and tanh in the same place. The bound is a copy of as many bytes."""

import numpy as np
from operations import Operation, Session, Table, elementwise, images, run

NAME = "activation"


def relu(x):
    return np.maximum(x, 0)


OPERATIONS = (
    Operation("relu1", "relu", images(96, 55, 55), elementwise, relu),
    Operation("tanh in place of relu1", "tanh", images(96, 55, 55), elementwise, np.tanh),
    Operation("relu6", "relu", images(4096), elementwise, relu),
)


def benchmark(session: Session) -> list[Table]:
    return run(session, NAME, __doc__, OPERATIONS)
