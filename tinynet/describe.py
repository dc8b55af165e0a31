"""A network in words: what `print(model)` shows, a line for each module.

    Sequential
      conv1  Conv2d, weight 96 x 3 x 11 x 11, bias 96, stride 4, padding (0, 1, 0, 1), groups 1
      relu1  ReLU
      pool1  MaxPool2d, kernel_size 3, stride 2, padding 0

The figures are those that a module keeps as attributes, so a module of one's own is shown as well.
"""

from collections.abc import Iterator

from tinynet.tensor import Tensor


def described(module) -> str:
    """An nn.Module in a line, then each of its children in lines of its own, indented."""
    children = list(module.children())
    width = max((len(name) for name, _ in children), default=0)
    lines = [", ".join([type(module).__name__, *_figures(module)])]
    for name, child in children:
        first, *rest = repr(child).splitlines()
        lines += [f"  {name:{width}}  {first}", *(f"  {line}" for line in rest)]
    return "\n".join(lines)


def _figures(module) -> Iterator[str]:
    """Each parameter with its shape, and each number, name or size with its value."""
    for name, parameter in vars(module).items():
        if isinstance(parameter, Tensor):
            yield f"{name} {' x '.join(map(str, parameter.shape))}"
    for name, value in vars(module).items():
        if isinstance(value, float):
            yield f"{name} {value:g}"
        elif isinstance(value, int | str | tuple) and value is not False and name != "training":
            yield f"{name} {value}"
