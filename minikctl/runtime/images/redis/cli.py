"""What runs as redis-cli: the machine's own, which asks this pod's server unless it is told another."""

import sys

sys.path[:0] = [__file__.rpartition("/")[0], __file__.rpartition("/")[0].rpartition("/")[0]]

import os

import _server as http
from hosts import find

program = find("redis-cli")
if not program:
    http.fail("redis-cli: this machine has none (Debian: apt install redis-tools)", 127)
told = {"-h", "-u", "-s"} & set(sys.argv[1:])
own = [] if told or http.address() == "0.0.0.0" else ["-h", http.address()]
os.execv(program, ["redis-cli", *own, *sys.argv[1:]])
