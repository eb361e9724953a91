"""Parts of sessions with containers that need no container."""

from __future__ import annotations

import io

import pytest

from minikctl.kubectl import pod_of
from minikctl.kubectl.remote import Detacher, parse_keys, writer
from minikctl.util.errors import UsageError


@pytest.mark.parametrize(("text", "keys"), [("ctrl-p,ctrl-q", b"\x10\x11"), ("a", b"a"), ("ctrl-[,x", b"\x1bx")])
def test_keys(text, keys):
    assert parse_keys(text) == keys


def test_unknown_keys():
    with pytest.raises(UsageError, match="could not bind detach keys: Unknown character: 'strg-p'"):
        parse_keys("strg-p")


@pytest.mark.parametrize(
    ("typed", "passed", "left"),
    [
        ([b"ab"], b"ab", False),
        ([b"a\x10\x11b"], b"a", True),
        ([b"\x10", b"\x11"], b"", True),
        ([b"\x10", b"x"], b"\x10x", False),
        ([b"\x10\x10\x11"], b"\x10", True),
    ],
)
def test_detaching(typed, passed, left):
    detacher, out, done = Detacher(b"\x10\x11"), b"", False
    for data in typed:
        part, done = detacher.feed(data)
        out += part
    assert (out, done) == (passed, left)


def test_bytes_stay_bytes():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8")
    stream.write("text ")
    writer(stream)(b"\xff\x00")
    assert raw.getvalue() == b"text \xff\x00"
    text = io.StringIO()
    put = writer(text)
    put("é".encode()[:1])
    put("é".encode()[1:])
    assert text.getvalue() == "é"


def pod(name, phase="Running", ready="", node="node-1", restarts=0, created="2026-01-01T00:00:00Z"):
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": ready}] if ready else []
    statuses = [{"name": "app", "restartCount": restarts}]
    return {
        "metadata": {"name": name, "creationTimestamp": created},
        "spec": {"nodeName": node, "containers": [{"name": "app"}]},
        "status": {"phase": phase, "conditions": conditions, "containerStatuses": statuses},
    }


EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


@pytest.mark.parametrize(
    ("order", "best", "other"),
    [
        (pod_of.by_logging, pod("a"), pod("b", node="")),
        (pod_of.by_logging, pod("a"), pod("b", phase="Pending")),
        (pod_of.by_logging, pod("a", ready=LATE), pod("b")),
        (pod_of.by_logging, pod("a", ready=EARLY), pod("b", ready=LATE)),
        (pod_of.by_logging, pod("a", restarts=3), pod("b")),
        (pod_of.by_logging, pod("a"), pod("b", created=LATE)),
        (pod_of.most_active, pod("a"), pod("b", node="")),
        (pod_of.most_active, pod("a"), pod("b", phase="Pending")),
        (pod_of.most_active, pod("a", ready=LATE), pod("b")),
        (pod_of.most_active, pod("a", ready=EARLY), pod("b", ready=LATE)),
        (pod_of.most_active, pod("a"), pod("b", restarts=3)),
        (pod_of.most_active, pod("a"), pod("b", created=LATE)),
    ],
)
def test_which_pod_is_meant(order, best, other):
    assert order(best, other) < 0 < order(other, best)
    assert order(best, best) == 0


def test_names_of_containers():
    spec = {
        "containers": [{"name": "a"}, {"name": "b"}],
        "initContainers": [{"name": "i"}],
        "ephemeralContainers": [{"name": "e"}],
    }
    assert pod_of.all_names({"spec": spec}) == "a, b, e (ephem), i (init)"
    assert pod_of.find_container({"spec": spec}, "i")[1] == "spec.initContainers{i}"
