"""Reading container logs."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from minikctl.kubelet.logs import Cursor, Selection, read, selection
from minikctl.runtime.cri_log import LogWriter, stamp
from tests.runtime.conftest import until

T0 = datetime(2026, 5, 1, 12, tzinfo=UTC)


def line(second, text, tag="F", stream="stdout"):
    nanoseconds = int((T0 + timedelta(seconds=second)).timestamp()) * 10**9
    return f"{stamp(nanoseconds).decode()} {stream} {tag} {text}\n"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "0.log"
    path.write_text(
        line(0, "one") + line(1, "two", stream="stderr") + line(2, "th", "P") + line(2, "ree") + line(3, "four")
    )
    return path


def still(_seen):
    return 0, False


def text(path, **options):
    return b"".join(c for c, _ in read(path, selection(options, T0 + timedelta(seconds=4)), still)).decode()


@pytest.mark.parametrize(
    ("options", "want"),
    [
        ({}, "one\ntwo\nthree\nfour\n"),
        ({"tailLines": 1}, "four\n"),
        ({"tailLines": 0}, ""),
        ({"tailLines": 99}, "one\ntwo\nthree\nfour\n"),
        ({"sinceSeconds": 2}, "three\nfour\n"),
        ({"sinceTime": "2026-05-01T12:00:03Z"}, "four\n"),
        ({"sinceTime": "2026-05-01T14:00:03+02:00"}, "four\n"),
        ({"limitBytes": 6}, "one\ntw"),
        ({"stream": "Stderr"}, "two\n"),
        ({"timestamps": True, "tailLines": 1}, "2026-05-01T12:00:03.000000000Z four\n"),
        ({"timestamps": True, "sinceSeconds": 2, "limitBytes": 37}, "2026-05-01T12:00:02.000000000Z three\n"),
    ],
)
def test_what_is_shown(log, options, want):
    assert text(log, **options) == want


def test_a_log_that_is_not_there(tmp_path):
    assert text(tmp_path / "no.log") == ""


def test_a_last_line_without_end(tmp_path):
    (tmp_path / "0.log").write_text(line(0, "rest", "P"))
    assert text(tmp_path / "0.log") == "rest"


def test_long_logs_from_their_end(tmp_path):
    path = tmp_path / "0.log"
    path.write_text("".join(line(i % 50, f"{i:05d} " + "x" * (i % 300)) for i in range(5000)))
    shown = text(path, tailLines=1234).splitlines()
    assert len(shown) == 1234 and shown[0].startswith("03766 ") and shown[-1].startswith("04999 ")


def test_a_line_longer_than_a_block(tmp_path):
    path = tmp_path / "0.log"
    path.write_text(line(0, "y" * 200_000) + line(0, "z"))
    assert text(path) == "y" * 200_000 + "\nz\n"


def test_times_must_be_times():
    with pytest.raises(ValueError):
        selection({"sinceTime": "yesterday"}, T0)


def follow(writer, running, collected, start=None, **options):
    def wait(seen):
        now = writer.wait(seen, 0 if seen < 0 else 5)
        return now, running.is_set()

    wanted = Selection(follow=True, **options)
    for chunk, cursor in read(writer.path, wanted, wait, start):
        collected.append((chunk.decode(), cursor))


def test_following_across_rotation(tmp_path):
    writer = LogWriter(tmp_path / "0.log", max_size=2000, max_files=50)
    running, collected = threading.Event(), []
    running.set()
    writer.write(1, b"line 0000\n")
    reader = threading.Thread(target=follow, args=(writer, running, collected))
    reader.start()
    until(lambda: collected)
    for i in range(1, 1000):
        writer.write(1, b"line %04d\n" % i)
    running.clear()
    writer.close()
    reader.join(10)
    assert "".join(c for c, _ in collected).splitlines() == [f"line {i:04d}" for i in range(1000)]


def test_going_on_at_a_cursor(tmp_path):
    writer = LogWriter(tmp_path / "0.log", max_size=500, max_files=50)
    running, collected = threading.Event(), []
    for i in range(100):
        writer.write(1, b"line %04d\n" % i)
    first = [(c.decode(), at) for c, at in read(writer.path, Selection(), still)]
    cursor = first[0][1]
    for i in range(100, 200):
        writer.write(1, b"line %04d\n" % i)
    assert Cursor.parse(str(cursor)) == cursor
    follow(writer, running, collected, start=cursor)
    shown = "".join(c for c, _ in [*first[:1], *collected]).splitlines()
    begin = int(shown[0].split()[1])
    assert shown == [f"line {i:04d}" for i in range(begin, 200)]
