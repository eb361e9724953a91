"""Waiting for descriptors, also for those that select() refuses."""

from __future__ import annotations

import fcntl
import os
import resource

import pytest

from minikctl.util.polling import readable


def test_only_what_can_be_read_is_named() -> None:
    full, full_in = os.pipe()
    empty, empty_in = os.pipe()
    ended, ended_in = os.pipe()
    os.write(full_in, b"x")
    os.close(ended_in)
    assert sorted(readable([full, empty, ended])) == sorted([full, ended])
    assert readable([empty], 0) == []
    assert readable([empty], -1) == []
    assert readable([empty], 0.001) == []
    for descriptor in (full, full_in, empty, empty_in, ended):
        os.close(descriptor)


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2000, reason="this user may not open 2,000 files")
def test_large_descriptors() -> None:
    reading, writing = os.pipe()
    large = fcntl.fcntl(reading, fcntl.F_DUPFD, 1500)
    os.write(writing, b"x")
    assert readable([large], 5) == [large]
    for descriptor in (reading, writing, large):
        os.close(descriptor)
