"""Does nothing until it is told to end."""

import os

import _server as http
from common import BOTH


def main(_words):
    import _signal

    http.say("Paused")
    http.on(BOTH, lambda: os._exit(0))
    while True:
        _signal.pause()
