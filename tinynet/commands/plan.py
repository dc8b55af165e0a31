"""`plan`: the memory of a training run, measured on simulated devices that compute nothing."""

import re
from argparse import Namespace
from dataclasses import replace

from tinynet import init, nn, simulator
from tinynet.commands import flags
from tinynet.commands.example import Example, build
from tinynet.console.sentences import counted, megabytes
from tinynet.console.table import aligned
from tinynet.devices.ledger import KINDS
from tinynet.kernels.launching.gate import TooManyElements
from tinynet.reports.summary import rows
from tinynet.simulator.settings import memory_size
from tinynet.training.errors import UserError
from tinynet.training.plan import CONTEXT, Plan, largest_batch, total
from tinynet.training.settings import Settings


def add_parser(commands, example: Example) -> None:
    help_ = "the memory that training takes, and the largest batch that fits; nothing is computed"
    parser = flags.command(commands, "plan", plan, help_)
    flags.add_profile(parser, example)
    flags.add_image_size(parser, example)
    flags.add_width(parser, example)
    parser.add_argument(
        "--devices",
        default="sim:0",
        metavar="DEVICES",
        help=f"cuda:N or sim:N, which need not exist (sim:0){flags.towers(example)}",
    )
    parser.add_argument(
        "--memory", default="3GB", metavar="SIZE", help="memory of each device (3GB)"
    )
    parser.add_argument(
        "--batch-size", type=flags.count, default=128, metavar="N", help="images per step (128)"
    )


def plan(example: Example, args: Namespace) -> int:
    """What each layer holds, what each device holds, and the largest batch that fits."""
    limit = _size(args.memory)
    names, n = _named_cards(args.devices), args.batch_size
    cards = list(dict.fromkeys(names))  # one, if it has both towers
    settings = example.settings({"data": "", **flags.network(args)}, "folder")
    asked = _plan(example, settings, names)
    try:
        peak = asked.peak(n)
    except (TooManyElements, MemoryError) as error:
        raise UserError(f"--batch-size {n}: no device holds such a batch: {error}") from None
    where = " and ".join(cards) if len(cards) == len(names) else f"both towers on {cards[0]}"
    print(
        f"{example.name} {settings.profile}, {settings.image_size} pixels, width "
        f"{settings.width:g}, batches of {n}; {where} of {megabytes(limit)} MB. "
        "Nothing is computed.\n"
    )
    print(_layer_table(asked, n, cards))
    taken = asked.taken(n)
    print("\n" + _device_table(peak, taken, cards, limit) + "\n")
    for device, held in zip(cards, taken.values()):
        print(_verdict(device, held + CONTEXT, limit))
    print()
    # One card, on a device whose memory the plan of two has not cut into pieces.
    one = asked if len(names) == 1 else _plan(example, settings, names[:1], len(cards))
    print(f"largest batch on one such device    {_largest(one, limit):,}")
    if len(names) == 2:
        towers = "two, a tower each" if len(cards) == 2 else "one, both towers "
        print(f"largest batch on {towers}  {_largest(asked, limit):,}")
    print("\n" + _story(one, n, limit))
    return 0


def _size(text: str) -> int:
    try:
        return memory_size("--memory", text)
    except ValueError as error:
        raise UserError(str(error)) from None


def _named_cards(text: str) -> list[str]:
    """The names given; simulated devices stand in for them, so they need not exist."""
    names = text.split(",")
    if len(names) > 2 or not all(re.fullmatch(r"(cuda|sim):\d+", name) for name in names):
        raise UserError(
            f"--devices: plan expects one or two of cuda:N and sim:N, got {text}: it plans the "
            "memory of GPUs; on the CPU each thread has smaller buffers of its own"
        )
    return names


def _plan(example: Example, settings: Settings, names: list[str], first: int = 0) -> Plan:
    """A plan on the simulated devices from number `first` on, which stand for `names`."""
    numbers = {name: i for i, name in enumerate(dict.fromkeys(names), first)}
    devices = ",".join(f"sim:{numbers[name]}" for name in names)
    with simulator.dry_run(), init.skipped():
        model = build(example, replace(settings, devices=devices), example.num_classes)
    return Plan(model, settings.image_size, settings.store_size)


def _largest(planned: Plan, limit: int, extra=lambda n: 0) -> int:
    """The largest batch for which each device has room for what its pool and CUDA take, and for
    `extra(n)` bytes."""

    def room(n: int) -> int | None:
        try:
            return limit - CONTEXT - max(planned.taken(n).values()) - extra(n)
        except TooManyElements:
            return None

    return largest_batch(room)


def _layer_table(planned: Plan, n: int, names: list[str]) -> str:
    header = ["MB in layer"]
    for name in names:
        header += [f"{name} parameters", "kept for backward"]
    table: dict[str, list[str]] = {}
    layers = planned.layers(n)
    for layer in layers:
        cells = table.setdefault(layer.name, [layer.name])
        cells += [megabytes(layer.parameters), megabytes(layer.activations)]
    lines = aligned([header, *table.values()])
    if any(layer.activations < 0 for layer in layers):
        lines.append("below 0: the layer lets go of its input, which backward does not need")
    return "\n".join(lines)


def _device_table(peak: dict, taken: dict, names: list[str], limit: int) -> str:
    lines = [["MB at the peak", *KINDS, "in all", "with gaps", "context", "limit"]]
    for name, held, whole in zip(names, peak.values(), taken.values()):
        sizes = [*(held[kind] for kind in KINDS), total(held), whole, CONTEXT, limit]
        lines.append([name, *map(megabytes, sizes)])
    gaps = "with gaps: what CuPy's memory pool takes, whose free pieces may be too small to be used"
    context = "context: left to CUDA itself, its kernels and cuBLAS; an estimate"
    return "\n".join([*aligned(lines), gaps, context])


def _verdict(device: str, held: int, limit: int) -> str:
    if held <= limit:
        return f"{device} holds it, with {megabytes(limit - held)} MB to spare"
    return f"{device} does not hold it: {megabytes(held - limit)} MB too much"


def _story(one: Plan, n: int, limit: int) -> str:
    """What is not stored here, and how small the batch would be if it were."""
    columns, masks = _columns(one.model, one.image_size), _masks(one.model, one.image_size)
    largest = _largest(one, limit, lambda images: images * (columns + masks))
    held = f"at most {counted(largest, 'image')}" if largest else "not one image"
    return (
        "Not stored: the columns of im2col, which backward recomputes, and dropout's masks, which "
        f"it draws\nagain. If stored, the columns of {counted(n, 'image')} would take "
        f"{megabytes(n * columns)} MB and the masks\n{megabytes(n * masks)} MB; then one such "
        f"device would hold {held}."
    )


def _columns(model: nn.Sequential, image_size: int) -> int:
    """Bytes per image of the columns of all convolutions: channels * kh * kw * oh * ow values."""
    layers = dict(model.children())
    size = next(model.parameters()).dtype.itemsize
    return sum(
        size * row.connections * layers[row.name].groups // row.output[0]
        for row in rows(model, image_size)
        if isinstance(layers[row.name], nn.Conv2d)
    )


def _masks(model: nn.Sequential, image_size: int) -> int:
    """Bytes per image of the masks of all dropouts, one byte per unit."""
    found, units = 0, 0
    for row in rows(model, image_size):
        units = row.neurons or units
        found += units * isinstance(getattr(model, row.name), nn.Dropout)
    return found
