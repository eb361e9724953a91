"""SPDY frames, and the compression that both sides must agree on."""

from __future__ import annotations

import zlib

import pytest

from minikctl.util.spdy import DICTIONARY, Data, Framer, GoAway, Other, Ping, Reset, SpdyError, SynReply, SynStream

FRAMES = [
    SynStream(1, {"streamtype": "error", "port": "80", "requestid": "0"}),
    SynStream(3, {"streamtype": "data", "port": "80", "requestid": "0"}, fin=True),
    SynReply(1),
    Data(3, b"GET / HTTP/1.1\r\n\r\n"),
    Data(3, b"", fin=True),
    Reset(3, 5),
    Ping(7),
    GoAway(3),
]


def test_the_dictionary_is_that_of_spdy_3():
    """A peer names the dictionary that it uses by this sum."""
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_what_is_sent_is_read(size):
    sender, reader = Framer(), Framer()
    data = b"".join(sender.encode(f) for f in FRAMES)
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    assert [f for piece in pieces for f in reader.feed(piece)] == FRAMES


def test_bytes_of_simple_frames():
    assert Framer().encode(Data(5, b"ab", fin=True)) == b"\0\0\0\5\1\0\0\2ab"
    assert Framer().encode(Ping(1)) == b"\x80\3\0\6\0\0\0\4\0\0\0\1"
    assert Framer().encode(Reset(3, 1)) == b"\x80\3\0\3\0\0\0\x08\0\0\0\3\0\0\0\1"


def test_names_are_lower_case():
    sender, reader = Framer(), Framer()
    (frame,) = reader.feed(sender.encode(SynStream(1, {"StreamType": "Data"})))
    assert frame == SynStream(1, {"streamtype": "Data"})


def test_frames_that_do_not_matter_are_passed_over():
    settings = b"\x80\3\0\4\0\0\0\4\0\0\0\0"
    window = b"\x80\3\0\x09\0\0\0\x08\0\0\0\1\0\0\1\0"
    assert list(Framer().feed(settings + window)) == [Other(4), Other(9)]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n" + b"x" * 99999,
        b"\x80\2\0\1\0\0\0\0",  # SPDY/2
        b"\x80\3\0\1\0\0\0\x0e" + b"\0" * 10 + b"junk",
        b"\x80\3\0\6\0\0\0\2\0\0",
        b"\x80\3\0\1\0\0\0\2\0\0",
        b"\x80\3\0\1\0\xff\xff\xff",
        b"\0\0\0\1\0\xff\xff\xff",
    ],
)
def test_rubbish(data):
    try:
        frames = list(Framer().feed(data))
    except SpdyError:
        return
    assert all(isinstance(f, Data | Other) for f in frames)


def test_headers_that_would_fill_the_memory():
    bomb = Framer().encode(SynStream(1, {"a": "x" * 1_000_000}))
    assert len(bomb) < 5000
    with pytest.raises(SpdyError, match="too many headers"):
        list(Framer().feed(bomb))
