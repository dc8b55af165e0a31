"""What is behind the command lines of the examples: a function for each command."""

from tinynet.commands.example import Example

__all__ = ["Example"]
