"""What runs in agnhost containers: `agnhost COMMAND [--flag=value…]`. Each command is a file in `commands/`."""

import os
import sys

HERE = __file__.rpartition("/")[0]
sys.path[:0] = [HERE, HERE.rpartition("/")[0]]

import _server as http


def names():
    files = os.listdir(f"{HERE}/commands")
    return sorted(f[:-3].replace("_", "-") for f in files if f.endswith(".py") and not f.startswith("_"))


def main(argv):
    if not argv or argv[0] in ("help", "--help", "-h"):
        http.say("Usage:\n  app [command]\n\nAvailable Commands:\n  " + "\n  ".join(names()))
        return
    if argv[0] == "--version":
        http.say(f"agnhost version {http.tag()}")
        return
    if argv[0] not in names():
        http.fail(f'Error: unknown command "{argv[0]}" for "app" (this emulation has: {", ".join(names())})')
    sys.path[:0] = [f"{HERE}/commands"]
    __import__(argv[0].replace("-", "_")).main(argv[1:])


main(sys.argv[1:])
