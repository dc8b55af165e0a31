"""`summary`: the layers of a network, counted."""

from argparse import Namespace

from tinynet import init
from tinynet.commands import flags
from tinynet.commands.example import Example, build
from tinynet.reports.summary import summary_table


def add_parser(commands, example: Example) -> None:
    parser = flags.command(commands, "summary", summary, "all layers with their sizes and counts")
    flags.add_profile(parser, example)
    flags.add_image_size(parser, example)
    flags.add_width(parser, example)


def summary(example: Example, args: Namespace) -> int:
    """The table of a network's layers."""
    settings = example.settings({"data": "", **flags.network(args)}, "folder")
    with init.skipped():
        model = build(example, settings, example.num_classes)
    width = f", width {settings.width:g}" if settings.width != 1 else ""
    print(f"{example.name}, {example.versions} {settings.profile}{width}\n")
    print(summary_table(model, settings.image_size))
    print(f"\n{example.summary_note}")
    return 0
