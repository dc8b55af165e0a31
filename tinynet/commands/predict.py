"""`predict`: the likeliest classes of pictures."""

from argparse import Namespace
from pathlib import Path

from tinynet.commands import flags
from tinynet.commands.example import Example, named_devices
from tinynet.commands.names import add_names, with_words
from tinynet.console.printable import complain, printable
from tinynet.data import BadImage, decode_image
from tinynet.training.checkpoint import load_network
from tinynet.training.errors import UserError
from tinynet.training.evaluate import likeliest
from tinynet.training.run_folder import find_checkpoint

PNG = b"\x89PNG\r\n\x1a\n"  # how every PNG file begins


def add_parser(commands, example: Example) -> None:
    parser = flags.command(commands, "predict", predict, "the likeliest classes of pictures")
    flags.add_checkpoint(parser, example, "a file, or a run's folder")
    parser.add_argument("images", nargs="+", metavar="IMAGE")
    parser.add_argument(
        "--top", type=flags.count, default=5, metavar="K", help="how many classes (5)"
    )
    parser.add_argument(
        "--save-figure", metavar="FILE", help="the pictures over bars of their classes, as PNG"
    )
    add_names(parser)
    flags.add_devices(parser, example)


def predict(example: Example, args: Namespace) -> int:
    """Print the likeliest classes of pictures; status 2 if one of them cannot be read."""
    figure = None if args.save_figure is None else Path(args.save_figure)
    if figure is not None:
        check_figure(figure, [Path(image) for image in args.images])
    path = find_checkpoint(args.checkpoint or example.trained)
    devices = named_devices(args.devices)
    network, settings = load_network(path, example.name, example.build, devices)
    network = with_words(network, args.names)
    if args.checkpoint is None:
        error = f"{settings['made']['val_top1_error']:.1%} error on its test images"
        print(f"network  the trained {settings['profile']} that comes with tinynet, {error}")
    status, shown = 0, []
    for image in args.images:
        try:
            pixels = decode_image(image, network.store_size)
        except BadImage as error:
            complain(f"error: {error}")
            status = 2
            continue
        best = likeliest(network, pixels[None], args.top)[0]
        shown.append((pixels, Path(image).name, best))
        print(printable(image))
        for name, probability in best:
            print(f"  {probability:7.2%}  {printable(name)}")
    if figure is not None and shown:
        from tinynet.reports import plot  # matplotlib takes a while to load

        plot.predictions(*zip(*shown), figure)
        print(f"figure   {printable(figure)}")
    return status


def check_figure(file: Path, images: list[Path]) -> None:
    """Raise UserError unless `file` is named .png and would overwrite no more than a figure."""
    if file.suffix.lower() != ".png":
        raise UserError(f"--save-figure {file}: figures are PNG files: wanted a name in .png")
    if not file.exists():
        return
    if any(image.exists() and file.samefile(image) for image in images):
        raise UserError(f"--save-figure {file} is one of the pictures to look at: give another")
    if not file.is_file():
        raise UserError(f"--save-figure {file} is not a file: give another")
    with open(file, "rb") as old:
        if old.read(len(PNG)) != PNG:
            raise UserError(
                f"--save-figure {file} exists and is not a PNG file: give another, or move it"
            )
