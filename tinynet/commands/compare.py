"""`compare`: is a run as good as its recipe promises, and if not, what to look at?"""

from argparse import Namespace
from collections.abc import Sequence

from tinynet.commands import flags
from tinynet.commands.example import Example, command
from tinynet.commands.schedules import scheduled
from tinynet.console.printable import printable, quoted
from tinynet.console.sentences import counted
from tinynet.console.table import aligned
from tinynet.data import kind_of_data
from tinynet.reports.expected_curve import Curve, Row, rows, what_to_look_at
from tinynet.training.errors import UserError
from tinynet.training.run_folder import RunFolder

# What makes another run of the same recipe, in the words of the settings.
WHAT = ("width", "image_size", "batch_size", "epochs", "lr", "momentum", "schedule", "crop", "flip")
SHOWN = 12  # rows at most


def add_parser(commands, example: Example) -> None:
    if not example.curves:
        return
    help_ = f"is a run as good as its {example.versions} promises?"
    parser = flags.command(commands, "compare", compare, help_)
    parser.add_argument("folder", metavar="RUN", help="the run's folder")
    parser.epilog = "Exit status 0: inside the band; 1: outside."


def compare(example: Example, args: Namespace) -> int:
    """Print a run's errors beside those to expect; status 1 if they lie outside."""
    folder, config, lines = _read(example, args.folder)
    name = config["profile"]
    curve = example.curves[name]
    found = rows(curve, lines)
    if not found:
        begin = curve.points[0].epoch
        raise UserError(
            f"{folder.path} has no validation after epoch {begin:g} yet, with which the curve of "
            f"{name} begins ({begin * curve.steps_per_epoch:,.0f} steps)"
        )
    done, last = found[-1].epoch, curve.points[-1].epoch
    print(f"run      {printable(folder.path)}: {name}, {done:.3g} of {last:g} epochs")
    print(f"promise  {curve.promise}")
    others = _other_settings(example, config)
    for line in others:
        print(f"differs  {line}")
    print("\n".join(["", *_table(_some(found, curve)), ""]))
    for point in curve.points:
        print(f"expected after epoch {point.epoch:g}: {point.source}")
    outside = [row for row in found if row.verdict != "inside"]
    if not outside:
        how_far = "so far" if done < last else "to the end"
        print(f"inside the band {how_far}, {counted(len(found), 'validation')}")
        if done >= last and curve.views > 1:
            checkpoint = f"--checkpoint {quoted(str(folder.path))} --views {curve.views}"
            print(f"the promise is for {curve.views} views: {command()} eval {checkpoint}")
        return 0
    first = f"{outside[0].verdict} it first after epoch {outside[0].epoch:.3g}"
    print(f"outside the band: {counted(len(outside), 'validation')} of {len(found)}, {first}")
    if others:
        print("look at  the settings that differ: the band is that of the recipe's own")
    for line in what_to_look_at(outside[-1].verdict, lines, example.num_classes):
        print(f"look at  {printable(line)}")
    return 1


def _read(example: Example, path: str) -> tuple[RunFolder, dict, list[dict]]:
    """A run of this example, its settings and its log. UserError if it is none."""
    folder = RunFolder(path)
    if not folder.path.is_dir():
        raise UserError(f"no such run: {folder.path}")
    config = folder.read_config()
    if config is None:
        raise UserError(f"{folder.path} holds no run: its config.json is missing")
    if config["network"] != example.name:
        raise UserError(f"{folder.path} is a run of examples/{config['network']}.py")
    if config.get("profile") not in example.curves:
        raise UserError(
            f"{folder.path} is a run of the {example.versions} {config.get('profile')}; wanted one "
            f"of {', '.join(example.curves)}"
        )
    return folder, config, folder.read_log()


def _other_settings(example: Example, config: dict) -> list[str]:
    """The settings of a run that are not its recipe's, a phrase each."""
    data = config.get("data", example.default_data)
    kind = kind_of_data(data)
    usual = scheduled(example.settings({"profile": config["profile"], "data": data}, kind), {})
    told = [
        f"{name} {config[name]}, the {example.versions} has {getattr(usual, name)}"
        for name in WHAT
        if name in config and config[name] != getattr(usual, name)
    ]
    if kind != example.default_data:
        told.insert(0, f"data {kind}, the {example.versions} is for {example.default_data}")
    if config.get("finetuned_from"):
        told.append(f"it is fine-tuned from {config['finetuned_from']}")
    return told


def _some(found: Sequence[Row], curve: Curve) -> list[Row]:
    """Of many validations those nearest to the curve's points, the first outside, and the last."""
    if len(found) <= SHOWN:
        return list(found)
    wanted = [min(found, key=lambda row: abs(row.epoch - point.epoch)) for point in curve.points]
    wanted += [row for row in found if row.verdict != "inside"][:1]
    return [row for row in found if row in wanted or row is found[-1]]


def _table(found: Sequence[Row]) -> list[str]:
    lines = [("epoch", "error", "expected", "")]
    for row in found:
        expected = f"{row.low:.1%} to {row.high:.1%}"
        lines.append((f"{row.epoch:.3g}", f"{row.error:.2%}", expected, row.verdict))
    return aligned(lines)
