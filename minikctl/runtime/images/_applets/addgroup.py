"""addgroup [-g GID] [-S] GROUP | addgroup USER GROUP, as busybox has it."""

import sys

sys.path[:0] = [__file__.rpartition("/")[0]]

import _users

_users.main("addgroup", sys.argv[1:])
