"""Errors that are not the API's: what a person typed, or what the machine refused."""

from __future__ import annotations


class UsageError(Exception):
    """The command line cannot be carried out as typed. Printed as `error: …`, exit code 1.

    `hint` is printed as a line of its own below (`See 'minikctl get -h' for help and examples`).
    """

    def __init__(self, message: str, hint: str = "", *, prefix: str = "error: "):
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.prefix = prefix


class EnvironmentProblem(Exception):
    """The machine is in the way: a read-only folder, a full disk, an unreadable file. One clear line, exit 1."""


class Unreachable(EnvironmentProblem):
    """A server that cannot be spoken to. The text is complete: it is printed as it is, exit code 1."""


class Aggregate(Exception):
    """Several things went wrong in one command; each is printed on its own line."""

    def __init__(self, errors: list[Exception]):
        super().__init__("; ".join(map(str, errors)))
        self.errors = errors


class Exit(Exception):
    """End with this exit code; everything there was to say has been said."""

    def __init__(self, code: int):
        super().__init__(code)
        self.code = code


class Failure(Exception):
    """An error that ends a command with another exit code than 1."""

    def __init__(self, error: Exception, code: int):
        super().__init__(str(error))
        self.error, self.code = error, code
