"""What ends a command: one line that says what is wrong and what to do."""


class Failure(Exception):
    """The command can't be done."""
