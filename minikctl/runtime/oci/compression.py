"""Reading gzip, zstd, bzip2, xz and plain streams alike, and counting and hashing what comes out."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from minikctl.runtime.oci.model import BadImage

_GZIP, _ZSTD, _BZIP2, _XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0"
_MAGIC = 6


@contextmanager
def plain(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """The content of a seekable stream, whatever it is compressed with. Raises BadImage."""
    place = stream.tell()
    magic = stream.read(_MAGIC)
    stream.seek(place)
    if magic.startswith(_GZIP):
        with gzip.GzipFile(fileobj=stream) as opened:
            yield cast(IO[bytes], opened)
    elif magic.startswith(_ZSTD):
        with _zstd(stream) as opened_zstd:
            yield opened_zstd
    elif magic.startswith(_BZIP2):
        import bz2

        yield cast(IO[bytes], bz2.BZ2File(stream))
    elif magic.startswith(_XZ):
        import lzma

        yield cast(IO[bytes], lzma.LZMAFile(stream))  # noqa: SIM115 - the stream is closed by its owner
    else:
        yield stream


@contextmanager
def _zstd(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """Python has it from 3.14 on; before that, the program zstd."""
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        pass
    else:
        yield zstd.ZstdFile(stream)
        return
    program = shutil.which("zstd")
    if program is None:
        raise BadImage("it is compressed with zstd, which this Python does not know: install zstd")
    with tempfile.TemporaryFile() as copy:
        process = subprocess.Popen(
            [program, "-dcq"], stdin=_descriptor(stream, copy), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            assert process.stdout is not None
            yield process.stdout
            while process.stdout.read(1 << 20):
                pass
            if process.wait(10):
                raise BadImage("the zstd stream is broken")
        finally:
            process.kill()
            process.communicate()


def _descriptor(stream: IO[bytes], copy: IO[bytes]) -> int:
    """What a program can read the rest of a stream from."""
    try:
        fd = stream.fileno()
    except OSError:
        shutil.copyfileobj(stream, copy)
        copy.seek(0)
        return copy.fileno()
    os.lseek(fd, stream.tell(), os.SEEK_SET)
    return fd


class Counted(io.RawIOBase):
    """A stream that is hashed as it is read, and ends with BadImage beyond a limit of bytes."""

    def __init__(self, stream: IO[bytes], limit: int):
        self._stream, self._limit = stream, limit
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.size += len(data)
        if self.size > self._limit:
            raise BadImage(f"a layer unpacks to more than the {self._limit} bytes that there is room for")
        self._hash.update(data)
        return data

    def drain(self) -> str:
        """Read to the end; the digest of all of it."""
        while self.read(1 << 20):
            pass
        return f"sha256:{self._hash.hexdigest()}"
