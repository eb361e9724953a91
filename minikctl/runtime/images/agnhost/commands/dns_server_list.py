"""Prints the name servers of /etc/resolv.conf, with commas."""

import _server as http
from dns_suffix import found


def main(_words):
    http.say(",".join(found("nameserver")))
