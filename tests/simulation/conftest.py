"""Exceptions of controllers and handlers are logged, not raised: here they fail the test."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_bugs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    bugs = [r.getMessage() + (r.exc_text or "") for r in caplog.get_records("call") if r.levelno >= logging.ERROR]
    assert not bugs, bugs
