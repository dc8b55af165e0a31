"""`diff`: what differs between two profiles, and who says so; or layers beside layers."""

import textwrap
from argparse import Namespace

from tinynet import init
from tinynet.alexnet_profiles import BASES, NOTES, PROFILES, Point, differing
from tinynet.commands import flags
from tinynet.commands.example import Example, build
from tinynet.reports.layers_beside import beside

WIDTH = 100
COLUMNS = (22, 39, 39)  # the point, one profile, the other
LABEL = 14
LEGEND = """\
Sections are the paper's. Files of source2012 and configurations by number (145 is the paper's net)
are from the code as its author released it, computerhistory/AlexNet-Source-Code; those of caffe are
from BVLC/caffe, models/. Marked "recalled": not looked up again; "computed": not a result of
training. Points of error refer to ILSVRC validation or test images."""


def add_parser(commands, example: Example) -> None:
    if example.beside is not None:
        help_ = "the layers of the network beside those of AlexNet"
        parser = flags.command(commands, "diff", diff_layers, help_)
        parser.set_defaults(image_size=None, width=None)
        flags.add_profile(parser, example)
        return
    if not set(example.profiles) <= PROFILES.keys():
        return  # recipes of other networks
    parser = flags.command(
        commands, "diff", diff, "what differs between two profiles, and who says so"
    )
    for name in ("first", "second"):
        parser.add_argument(name, choices=example.profiles, metavar=name.upper())
    parser.epilog = f"Profiles: {', '.join(example.profiles)}."


def diff(example: Example, args: Namespace) -> int:
    """Print the points in which two profiles differ."""
    names = (args.first, args.second)
    points = differing(*names)
    if not points:
        print(f"{args.first} and {args.second} are the same")
        return 0
    print(_columns("", *names))
    for point in points:
        print("\n" + _row(point, names))
    if sum(_is_of_2012(name) for name in names) == 1 and "paper" in names:
        print("\nNot quite the paper in the source of 2012, but the same here in both profiles:")
        for note in NOTES:
            print(f"\n{note.name}")
            for who in ("paper", "source", "here"):
                print(_indented(f"{who:{LABEL}}{getattr(note, who)}", 4 + LABEL))
    print(f"\n{LEGEND}")
    return 0


def diff_layers(example: Example, args: Namespace) -> int:
    """Print the layers of a network and, beside them, those of another example's."""
    columns = []
    for each, given in ((example, flags.network(args)), (example.beside, {})):
        settings = each.settings({"data": "", **given}, "folder")
        with init.skipped():
            model = build(each, settings, each.num_classes)
        columns.append((f"{each.name} {settings.profile}", model, settings.image_size))
    print(beside(*columns))
    return 0


def _is_of_2012(name: str) -> bool:
    return "source2012" in (name, BASES.get(name))


def _row(point: Point, names: tuple[str, str]) -> str:
    """The point, what each profile does, what difference that makes, and who says so."""
    sources = [point.source(name) for name in names]
    profiles = [PROFILES[name] for name in names]
    lines = [
        _columns(point.name, *map(point.words, profiles)),
        _indented(point.effect_between(*profiles)),
        *(_indented(f"{name:{LABEL}}{source}", 4 + LABEL) for name, source in zip(names, sources)),
    ]
    if measured := point.measured_between(*profiles):
        lines.append(_indented(f"{'measured':{LABEL}}{measured}", 4 + LABEL))
    return "\n".join(lines)


def _columns(*texts: str) -> str:
    """Texts side by side, each wrapped to the width of its column."""
    folded = [textwrap.wrap(text, width - 2) for text, width in zip(texts, COLUMNS)]
    height = max(map(len, folded))
    rows = zip(*(lines + [""] * (height - len(lines)) for lines in folded))
    return "\n".join(
        "".join(cell.ljust(width) for cell, width in zip(row, COLUMNS)).rstrip() for row in rows
    )


def _indented(text: str, hanging: int = 4) -> str:
    """A paragraph under a point."""
    indents = {"initial_indent": " " * 4, "subsequent_indent": " " * hanging}
    return textwrap.fill(text, WIDTH, break_on_hyphens=False, **indents)
