"""Channels over a socket."""

from __future__ import annotations

import socket
import threading

import pytest

from minikctl.util.frames import CLOSE, FrameError, FrameSocket


@pytest.fixture
def pair():
    one, other = (FrameSocket(s) for s in socket.socketpair())
    yield one, other
    one.close()
    other.close()


def test_lines_then_frames(pair):
    one, other = pair
    one.send_line({"op": "logs", "é": "\n"})

    def send() -> None:  # in a thread: how much a socket takes before somebody reads is the system's affair
        one.send(1, b"a" * 1_000_000)
        one.send(0, b"")
        one.close_channel(0)

    sender = threading.Thread(target=send)
    sender.start()
    assert other.recv_line() == {"op": "logs", "é": "\n"}
    assert other.recv() == (1, b"a" * 1_000_000)
    assert other.recv() == (0, b"")
    assert other.recv() == (CLOSE, b"\0")
    sender.join(5)


def test_the_end(pair):
    one, other = pair
    one._sock.sendall(b"\x01\x00\x00\x00\x09only")
    one.close()
    assert other.recv() is None


def test_hang_up_wakes_a_reader(pair):
    _, other = pair
    got = []
    reader = threading.Thread(target=lambda: got.append(other.recv()))
    reader.start()
    other.hang_up()
    reader.join(5)
    assert got == [None]


@pytest.mark.parametrize("sent", [b"not json\n", b"{", b""])
def test_a_bad_first_line(pair, sent):
    one, other = pair
    one._sock.sendall(sent)
    one.close()
    with pytest.raises(FrameError):
        other.recv_line()


def test_a_frame_that_is_too_long(pair):
    one, other = pair
    one._sock.sendall(b"\x01\xff\xff\xff\xff")
    with pytest.raises(FrameError):
        other.recv()
