"""`tinynet`, or `python -m tinynet`: the networks' commands, the kernels and the gym.

    tinynet train                                  AlexNet, on images that it draws itself
    tinynet train --network lenet                  or cifar10
    tinynet eval --checkpoint runs/NAME            the network is that of the run
    tinynet predict IMAGE...                       by a trained cifar10 that comes along
    tinynet kernels max_pool --check               as python -m tinynet.kernels
    tinynet gym relu_forward                       as python -m tinynet.gym

Which flags a command has depends on the network: tinynet train --network cifar10 --help
"""

import argparse
import sys
from importlib import import_module

from tinynet.commands import Example, command_line
from tinynet.commands.network_of import network_of
from tinynet.console.arguments import Parser
from tinynet.console.printable import complain

NETWORKS = ("alexnet", "cifar10", "lenet")
USUAL = {"predict": "cifar10"}  # of which a trained one comes with tinynet; else the first
ELSEWHERE = {  # commands that are no network's
    "kernels": ("tinynet.kernels.__main__", "every kernel: read, checked, profiled, its page"),
    "gym": ("tinynet.gym.__main__", "kernels to write, and a judge that says why one is wrong"),
}
FLAG, COMPLETION = "--network", "--print-completion"
NEEDS_SHTAB = "needs shtab: pip install shtab"


def main(argv: list[str] | None = None) -> int:
    """Run what `argv` (else the program's arguments) asks for; return the exit status."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] and words[0] in ELSEWHERE:
        module, _ = ELSEWHERE[words[0]]
        return import_module(module).main(words[1:])
    name, rest = _take_network(words)
    if name is None:
        named = network_of(rest)
        usual = USUAL.get(rest[0] if rest else "", NETWORKS[0])
        name = named if named in NETWORKS else usual
    if name not in NETWORKS:
        complain(f"error: {FLAG} expects one of {', '.join(NETWORKS)}, got {name or 'nothing'}")
        return 2
    example = import_module(f"tinynet.models.{name}").EXAMPLE
    return command_line.main(example, rest, _parser)


def _take_network(words: list[str]) -> tuple[str | None, list[str]]:
    """What --network says, None if it is not there; and the words without it."""
    name, rest, waiting = None, [], iter(words)
    for word in waiting:
        flag, _, value = word.partition("=")
        if flag == FLAG:
            name = value if "=" in word else next(waiting, "")
        else:
            rest.append(word)
    return name, rest


def _parser(example: Example) -> Parser:
    """The commands of the network, and those of none."""
    description = (__doc__ or "").partition("\n\n")[2]  # python -OO has no docstrings
    parser, commands = command_line.parser_of(example, "tinynet", description)
    for name, (_, help_) in ELSEWHERE.items():
        commands.add_parser(name, help=help_)
    for name, one in {"": parser, **commands.choices}.items():
        usual = USUAL.get(name, NETWORKS[0])
        text = f"{FLAG} NAME: {', '.join(NETWORKS)}; without it {usual}, or what the run is of"
        one.epilog = f"{one.epilog} {text}" if one.epilog else text
    _add_completion(parser)
    return parser


def _add_completion(parser: Parser) -> None:
    """--print-completion SHELL, where shtab is installed; else it says what is missing."""
    try:
        import shtab
    except ImportError:
        parser.add_argument(COMPLETION, action=_NoCompletion, metavar="SHELL", help=NEEDS_SHTAB)
    else:
        shtab.add_argument_to(parser, COMPLETION, help="a script by which the shell completes this")


class _NoCompletion(argparse.Action):
    def __call__(self, parser, *_):
        parser.error(f"{COMPLETION} {NEEDS_SHTAB}")


if __name__ == "__main__":
    sys.exit(main())
