"""Whose port it is: the kernel's tables of sockets, and the descriptors of processes."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from minikctl.runtime.process.listeners import _FOUR, _SIX, address_of, parse

FOUR = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0 100 0 0 10 0
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 102 1 0 100 0 0 10 0
   2: 0200017F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 103 1 0 100 0 0 10 0
   3: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 104 1 0 100 0 0 10 0
   4: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 105 1 0 100 0 0 10 0
   5: short line
"""
SIX = """  sl  local_address remote_address st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 201 1
   1: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 202 1
"""
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' /proc")


def test_tables():
    assert parse(FOUR, 8080, _FOUR) == {"101": "127.0.0.1", "102": "127.0.0.1"}
    assert parse(SIX, 8080, _SIX) == {"201": "::1", "202": "::1"}
    assert parse("", 8080, _FOUR) == {}


@needs_linux
def test_listeners_of_this_process():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert address_of(port, [os.getpid()]) == "127.0.0.1"
        assert address_of(port, [os.getppid()]) is None, "another process does not listen there"
        assert address_of(port, []) is None
    assert address_of(port, [os.getpid()]) is None


@needs_linux
def test_processes_that_are_gone():
    assert address_of(1, [2**22 + 1]) is None
