"""adduser [-h DIR] [-g GECOS] [-s SHELL] [-G GROUP] [-u UID] [-k SKEL] [-SDH] USER [GROUP], as busybox has it."""

import sys

sys.path[:0] = [__file__.rpartition("/")[0]]

import _users

_users.main("adduser", sys.argv[1:])
