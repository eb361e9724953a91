"""Prints its whole command line, as Go prints a list."""

import sys

import _server as http


def main(_words):
    name = "/agnhost-2" if sys.argv[0] == "/agnhost-2" else "/agnhost"
    http.say("[" + " ".join([name, *sys.argv[1:]]) + "]")
