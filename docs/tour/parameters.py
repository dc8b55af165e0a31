"""Where the parameters and the work of AlexNet are, and how much of the image a unit sees."""

from tinynet import init, nn, simulator
from tinynet.models.alexnet import AlexNet
from tinynet.reports.summary import Row, rows


def network():
    with simulator.dry_run(), init.skipped():
        return AlexNet(devices="sim:0")


def layers() -> list[Row]:
    """Those that have parameters."""
    return [row for row in rows(network(), 224) if row.parameters]


def seen() -> dict[str, int]:
    """How many pixels wide the part of the image is that a unit of each layer sees."""
    found, wide, apart = {}, 1, 1  # apart: pixels between two neighbours of the layer so far
    for name, layer in network().children():
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            window = layer.weight.shape[-1] if isinstance(layer, nn.Conv2d) else layer.kernel_size
            wide += (window - 1) * apart
            apart *= layer.stride
            found[name] = wide
    return found


def main() -> None:
    its = layers()
    parameters, connections = sum(x.parameters for x in its), sum(x.connections for x in its)
    print(f"{parameters:,} parameters, {connections:,} multiply-adds")
    for kind in ("conv", "fc"):
        of_kind = [row for row in its if row.name.startswith(kind)]
        share = sum(row.parameters for row in of_kind) / parameters
        work = sum(row.connections for row in of_kind) / connections
        print(f"  {kind:<4} {share:5.1%} of the parameters, {work:5.1%} of the multiply-adds")
    inputs = {row.name: row.connections // row.neurons for row in its}
    print(f"a unit of fc6 has {inputs['fc6']:,} weights, a filter of conv1 {inputs['conv1']}")
    print("a unit sees, in pixels: " + ", ".join(f"{name} {wide}" for name, wide in seen().items()))


if __name__ == "__main__":
    main()
