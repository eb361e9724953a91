"""Logs on disk."""

from __future__ import annotations

from minikctl.runtime.cri_log import MAX_LINE, LogWriter, rotated, stamp


def texts(path):
    return [line.partition(" ")[2] for line in path.read_text().splitlines()]


def test_time():
    assert stamp(1_700_000_000_000_000_042) == b"2023-11-14T22:13:20.000000042Z"


def test_lines_and_pieces(tmp_path):
    log = LogWriter(tmp_path / "a" / "0.log")
    log.write(1, b"one\ntw")
    log.write(2, b"other\n")
    log.write(1, b"o\n\nrest")
    assert texts(log.path) == ["stdout F one", "stderr F other", "stdout F two", "stdout F "]
    log.close()
    assert texts(log.path)[-1] == "stdout P rest"


def test_a_line_that_waits_for_its_end(tmp_path):
    log = LogWriter(tmp_path / "0.log")
    log.write(1, b"Name? ")
    assert log.has_rest and texts(log.path) == []
    log.flush()
    assert not log.has_rest
    log.write(1, b"Jane\n")
    log.close()
    assert texts(log.path) == ["stdout P Name? ", "stdout F Jane"]


def test_long_lines_are_cut(tmp_path):
    log = LogWriter(tmp_path / "0.log")
    log.write(1, b"x" * (MAX_LINE * 2 + 5))
    log.write(1, b"y\n")
    log.close()
    assert [(t[:8], len(t) - 9) for t in texts(log.path)] == [
        ("stdout P", MAX_LINE),
        ("stdout P", MAX_LINE),
        ("stdout F", 6),
    ]


def test_rotation(tmp_path):
    log = LogWriter(tmp_path / "0.log", max_size=1000, max_files=3)
    for i in range(100):
        log.write(1, b"line %03d\n" % i)
    log.close()
    files = [*rotated(log.path), log.path]
    assert len(files) == 3 and all(f.stat().st_size <= 1000 for f in files)
    kept = [t for f in files for t in texts(f)]
    assert kept == [f"stdout F line {i:03d}" for i in range(100 - len(kept), 100)]


def test_an_existing_log_is_continued(tmp_path):
    for text in (b"one\n", b"two\n"):
        log = LogWriter(tmp_path / "0.log")
        log.write(1, text)
        log.close()
    assert texts(log.path) == ["stdout F one", "stdout F two"]


def test_waiting(tmp_path):
    log = LogWriter(tmp_path / "0.log")
    seen = log.wait(-1, 0)
    assert log.wait(seen, 0.01) == seen
    log.write(1, b"x\n")
    assert log.wait(seen, 5) != seen
