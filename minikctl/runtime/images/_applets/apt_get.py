"""apt-get install PACKAGE...: what this machine has counts as installed."""

import sys

sys.path[:0] = [__file__.rpartition("/")[0]]

import _packages

_packages.main("apt-get", "install", sys.argv[1:], 100)
