"""How many files a process may have open."""

from __future__ import annotations

import contextlib
import resource

ENOUGH = 65536
"""Descriptors: more than any of our processes needs, few enough for programs that walk through all numbers."""


def raise_descriptor_limit(wanted: int = ENOUGH) -> int:
    """As far as this user may, up to `wanted`; how many this process may have now, at most `wanted`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return wanted if soft == resource.RLIM_INFINITY else min(soft, wanted)
