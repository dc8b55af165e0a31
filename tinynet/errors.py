"""What can stop a command, apart from mistakes in the code: each message is meant to be read."""


class UserError(Exception):
    """Something that the person at the keyboard can put right; the text is the whole message."""


class NonFiniteError(ArithmeticError):
    """A nan or an infinity turned up in training; the text says in which layer it began."""


class Interrupted(Exception):
    """Ctrl-C was pressed, and what was under way has been brought to a clean end."""
