"""SPDY/3.1 frames, as far as port-forward needs them: streams, data, headers. Pure: bytes in, frames out.

Source: the draft "SPDY Protocol 3.1", sections 2.2 to 2.6. What Kubernetes' clients leave out (flow control, settings,
priorities, push) is left out here too: such frames are read and given as `Other`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

FIN = 0x01
MAX_DATA = 4 * 1024 * 1024
MAX_CONTROL = 256 * 1024
MAX_HEADERS = 64 * 1024
PROTOCOL_ERROR, INVALID_STREAM, REFUSED_STREAM = 1, 2, 3
_VERSION = 3
_U32 = struct.Struct(">I")

# The draft's dictionary (2.6.10.1): common words with their length, then common texts without.
_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow "
    "authorization cache-control connection content-base content-encoding content-language content-length "
    "content-location content-md5 content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie "
    "keep-alive origin"
)
_TEXTS = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def _counted(data: bytes) -> bytes:
    return _U32.pack(len(data)) + data


DICTIONARY = b"".join(_counted(w.replace("_", " ").encode()) for w in _WORDS.split()) + _TEXTS.encode()


class _Type(IntEnum):
    SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY, HEADERS = 1, 2, 3, 6, 7, 8


class SpdyError(Exception):
    """The other side does not speak this protocol."""


@dataclass(frozen=True, slots=True)
class SynStream:
    stream: int
    headers: Mapping[str, str]
    fin: bool = False


@dataclass(frozen=True, slots=True)
class SynReply:
    stream: int
    headers: Mapping[str, str] = field(default_factory=dict)
    fin: bool = False


@dataclass(frozen=True, slots=True)
class Data:
    stream: int
    data: bytes
    fin: bool = False


@dataclass(frozen=True, slots=True)
class Reset:
    stream: int
    status: int


@dataclass(frozen=True, slots=True)
class Ping:
    id: int


@dataclass(frozen=True, slots=True)
class GoAway:
    last: int


@dataclass(frozen=True, slots=True)
class Other:
    type: int


Frame = SynStream | SynReply | Data | Reset | Ping | GoAway | Other


class Framer:
    """One side of a connection. Header compression has a memory: frames must be sent in the order they were made."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._deflate = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, zdict=DICTIONARY)
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS, zdict=DICTIONARY)

    # ------------------------------------------------------------------ reading

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now. Raises SpdyError."""
        self._buffer += data
        while len(self._buffer) >= 8:
            size, is_control = int.from_bytes(self._buffer[5:8]), bool(self._buffer[0] & 0x80)
            if is_control and (version := int.from_bytes(self._buffer[:2]) & 0x7FFF) != _VERSION:
                raise SpdyError(f"version {version}")
            if size > (MAX_CONTROL if is_control else MAX_DATA):
                raise SpdyError(f"a frame of {size} bytes")
            if len(self._buffer) < 8 + size:
                return
            head, body = bytes(self._buffer[:8]), bytes(self._buffer[8 : 8 + size])
            del self._buffer[: 8 + size]
            yield self._frame(head, body)

    def _frame(self, head: bytes, body: bytes) -> Frame:
        fin = bool(head[4] & FIN)
        if not head[0] & 0x80:
            return Data(_id(head), body, fin)
        kind = int.from_bytes(head[2:4])
        try:
            match kind:
                case _Type.SYN_STREAM:
                    return SynStream(_id(body), self._headers(body[10:]), fin)
                case _Type.SYN_REPLY:
                    return SynReply(_id(body), self._headers(body[4:]), fin)
                case _Type.RST_STREAM:
                    return Reset(_id(body), _U32.unpack_from(body, 4)[0])
                case _Type.PING:
                    return Ping(_U32.unpack_from(body)[0])
                case _Type.GOAWAY:
                    return GoAway(_id(body))
                case _Type.HEADERS:
                    self._headers(body[4:])  # the compression's memory must see them
        except (struct.error, zlib.error) as e:
            raise SpdyError(f"a malformed frame of type {kind}: {e}") from None
        return Other(kind)

    def _headers(self, block: bytes) -> dict[str, str]:
        """Names in lower case; several values of a name are joined by NUL."""
        plain = self._inflate.decompress(block, MAX_HEADERS)
        if self._inflate.unconsumed_tail:
            raise SpdyError("too many headers")
        words, at = [], 4
        for _ in range(2 * _U32.unpack_from(plain)[0]):
            length = _U32.unpack_from(plain, at)[0]
            words.append(plain[at + 4 : at + 4 + length].decode("latin-1"))
            at += 4 + length
            if at > len(plain):
                raise SpdyError("headers that end too early")
        return {name.lower(): value for name, value in zip(words[::2], words[1::2], strict=True)}

    # ------------------------------------------------------------------ writing

    def encode(self, frame: Frame) -> bytes:
        match frame:
            case Data(stream, data, fin):
                return _U32.pack(stream) + bytes((FIN if fin else 0,)) + len(data).to_bytes(3) + data
            case SynStream(stream, headers, fin):
                body = _U32.pack(stream) + bytes(6) + self._block(headers)
                return _control(_Type.SYN_STREAM, body, FIN if fin else 0)
            case SynReply(stream, headers, fin):
                return _control(_Type.SYN_REPLY, _U32.pack(stream) + self._block(headers), FIN if fin else 0)
            case Reset(stream, status):
                return _control(_Type.RST_STREAM, _U32.pack(stream) + _U32.pack(status))
            case Ping(number):
                return _control(_Type.PING, _U32.pack(number))
            case GoAway(last):
                return _control(_Type.GOAWAY, _U32.pack(last) + bytes(4))
        raise ValueError(f"frames of type {frame.type} are not sent")

    def _block(self, headers: Mapping[str, str]) -> bytes:
        plain = _U32.pack(len(headers))
        for name, value in headers.items():
            plain += _counted(name.lower().encode("latin-1")) + _counted(value.encode("latin-1"))
        return self._deflate.compress(plain) + self._deflate.flush(zlib.Z_SYNC_FLUSH)


def _id(data: bytes) -> int:
    number: int = _U32.unpack_from(data)[0]
    return number & 0x7FFFFFFF


def _control(kind: int, body: bytes, flags: int = 0) -> bytes:
    return struct.pack(">HH", 0x8000 | _VERSION, kind) + bytes((flags,)) + len(body).to_bytes(3) + body
