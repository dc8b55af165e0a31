"""What can stop a command, apart from bugs: each message is written for the user."""


class UserError(Exception):
    """Something that the user can put right: the text, one line, and perhaps lines of details."""

    def __init__(self, text: str, *details: str):
        super().__init__(text)
        self.details = details


class NonFiniteError(ArithmeticError):
    """A nan or an infinity turned up in training; the text names the layer where it began."""


class Interrupted(Exception):
    """Ctrl-C was pressed, and the work under way has come to a clean end."""
