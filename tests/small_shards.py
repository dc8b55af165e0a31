"""A program: examples/alexnet.py with shards of two images, for a test that kills `prepare`."""

import sys
from functools import partial

from tiny_runs import load_example

from tinynet.commands import command_line, prepare

if __name__ == "__main__":
    prepare.Recipe = partial(prepare.Recipe, shard_images=2)
    example = load_example("alexnet").EXAMPLE
    print("ready", file=sys.stderr, flush=True)
    sys.exit(command_line.main(example))
