"""What can be wrong with data: messages for the person who gave them, not for a programmer."""


class DataError(ValueError):
    """The data cannot be used as they are; the message names the file and what is wanted."""


class BadImage(DataError):
    """One image cannot be used: `name` says which, `reason` says why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason
