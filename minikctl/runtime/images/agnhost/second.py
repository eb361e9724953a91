"""The same program under another name, which tests of entrypoints ask for."""

import sys

sys.argv[0] = "/agnhost-2"
sys.path[:0] = [__file__.rpartition("/")[0]]

__import__("server")
