"""Prints the search domains of /etc/resolv.conf, with commas."""

import _server as http
from common import content_of


def found(keyword):
    """The words behind a keyword; the last line counts for `search`, all of them for `nameserver`."""
    lines = [line.split() for line in content_of("/etc/resolv.conf").decode("utf-8", "replace").splitlines()]
    rows = [words[1:] for words in lines if words[:1] == [keyword]]
    return [w for row in (rows[-1:] if keyword == "search" else rows) for w in row]


def main(_words):
    http.say(",".join(found("search")))
