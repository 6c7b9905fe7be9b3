"""What ends a command: one line that says what is wrong and what to do."""


class Failure(Exception):
    """The command can't be done."""


class Refused(Failure):
    """The gateway's answer is none of success; ``status`` is HTTP's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
