"""An ONNX graph while it is made: nodes and constants, whose tensors are known by name.

Parameters keep their names, "conv1.weight"; all other names have a "/", which those never have.
"""

import numpy as np

from tinynet.tensor import Tensor


class Graph:
    """`parameters`: of the network, with their names."""

    def __init__(self, parameters: list[tuple[str, Tensor]]):
        self.nodes: list = []
        self.constants: dict[str, np.ndarray] = {}
        self._parameters = {id(tensor): name for name, tensor in parameters}
        self._names: dict[int, str] = {}  # of Tensors, by id

    def add(self, kind: str, *inputs: str, **attributes) -> str:
        """Add a node of ONNX's operator `kind`, and return the name of its result."""
        from onnx import helper

        result = f"{kind.lower()}/{len(self.nodes) + 1}"
        node = helper.make_node(kind, list(inputs), [result], name=result, **attributes)
        self.nodes.append(node)
        return result

    def constant(self, array: np.ndarray, name: str | None = None) -> str:
        """The name of an array that does not depend on the input; `name`: how to call it."""
        name = f"constant/{len(self.constants) + 1}" if name is None else name
        self.constants[name] = np.ascontiguousarray(array).reshape(np.shape(array))
        return name

    def put(self, tensor: Tensor, name: str) -> None:
        """Let the result of a step be known by this name."""
        self._names[id(tensor)] = name

    def name_of(self, tensor: Tensor) -> str:
        """What a Tensor is called: a step's result, or else a constant."""
        if id(tensor) not in self._names:
            self.put(tensor, self.constant(tensor.numpy(), self._parameters.get(id(tensor))))
        return self._names[id(tensor)]

    def used_constants(self) -> dict[str, np.ndarray]:
        """Those that a node takes: of some, it takes another form."""
        taken = {name for node in self.nodes for name in node.input}
        return {name: array for name, array in self.constants.items() if name in taken}

    def same_as(self, other: "Graph") -> bool:
        """Do both say the same, in their nodes and in every constant?"""
        return (
            self.nodes == other.nodes
            and self.constants.keys() == other.constants.keys()
            and all(np.array_equal(a, other.constants[name]) for name, a in self.constants.items())
        )
