"""What runs as redis-server: the machine's own, open to the network as the image's is."""

import sys

sys.path[:0] = [__file__.rpartition("/")[0], __file__.rpartition("/")[0].rpartition("/")[0]]

import os

import _server as http
from hosts import find


def main(argv):
    program = find("redis-server")
    if not program:
        http.fail("redis-server: this machine has none (Debian: apt install redis-server)", 127)
    if argv and argv[0].startswith("-") and argv[0] in ("-v", "--version", "-h", "--help"):
        os.execv(program, ["redis-server", *argv])
    own = [] if "--bind" in argv else ["--bind", "0.0.0.0" if http.address() == "0.0.0.0" else http.address()]
    open_ = [] if "--protected-mode" in argv else ["--protected-mode", "no"]
    os.execv(program, ["redis-server", *argv, *own, *open_])


main(sys.argv[1:])
