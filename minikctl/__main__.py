"""`python -m minikctl`, and the console script."""

from __future__ import annotations

import signal


def main() -> None:
    """Ctrl-C ends the process silently while it is being imported; `cli.main` takes it from there."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell's background ignores it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from minikctl import cli

    cli.main()


if __name__ == "__main__":
    main()
