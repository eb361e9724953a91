"""Informers and the journal hub: caches that follow the store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.api.kinds import find
from minikctl.api.meta import Obj
from minikctl.api.selectors import parse_label_selector
from minikctl.client.informer import Handler, Informer, InformerFactory, by_owner
from minikctl.controllers.base import wait_until
from minikctl.store import journal
from tests.support.cluster import TestCluster


def cm(name: str, rv: int = 1, **labels: str) -> Obj:
    return {"metadata": {"name": name, "namespace": "default", "resourceVersion": str(rv), "labels": labels}}


class Log:
    """A handler that writes down what it is told."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.handler = Handler(
            lambda o: self.seen.append(f"+{o['metadata']['name']}"),
            lambda _old, o: self.seen.append(f"~{o['metadata']['name']}"),
            lambda o: self.seen.append(f"-{o['metadata']['name']}"),
        )


def informer() -> Informer:
    kind = find("configmaps")
    assert kind is not None
    return Informer(kind)


def test_handlers_hear_of_every_change_once() -> None:
    cache, log = informer(), Log()
    cache.add_handler(log.handler)
    cache.replace([cm("a"), cm("b")])
    cache.apply("MODIFIED", cm("a", 2))
    cache.apply("MODIFIED", cm("a", 2))
    cache.apply("DELETED", cm("b", 3))
    cache.apply("DELETED", cm("never"))
    cache.replace([cm("a", 2), cm("c", 4)])
    assert log.seen == ["+a", "+b", "~a", "-b", "+c"]


def test_a_late_handler_hears_what_is_there() -> None:
    cache, log = informer(), Log()
    cache.replace([cm("a"), cm("b")])
    cache.add_handler(log.handler)
    assert log.seen == ["+a", "+b"]


def test_an_object_made_anew_is_another_object() -> None:
    cache, log = informer(), Log()
    first, second = cm("a", 1), cm("a", 9)
    first["metadata"]["uid"], second["metadata"]["uid"] = "one", "two"
    cache.replace([first])
    cache.add_handler(log.handler)
    cache.replace([second])
    assert log.seen == ["+a", "-a", "+a"]


def test_indexes_follow() -> None:
    cache = informer()
    cache.replace([cm("a", 1, tier="x"), cm("b", 1, tier="y")])
    cache.add_indexer("tier", lambda o: o["metadata"]["labels"].values())
    cache.apply("MODIFIED", cm("b", 2, tier="x"))
    assert {o["metadata"]["name"] for o in cache.by_index("tier", "x")} == {"a", "b"}
    assert cache.by_index("tier", "y") == []
    assert len(cache.list("default", parse_label_selector("tier=x"))) == 2 and cache.list("other") == []
    owned = cm("c", 3)
    owned["metadata"]["ownerReferences"] = [{"uid": "u", "controller": True}, {"uid": "v"}]
    cache.add_indexer("owner", by_owner)
    cache.apply("ADDED", owned)
    assert [o["metadata"]["name"] for o in cache.by_index("owner", "u")] == ["c"]
    assert cache.by_index("owner", "v") == []


@pytest.fixture
def live(tmp_path: Path) -> Iterator[TestCluster]:
    made = TestCluster(tmp_path / "state", live=True)
    yield made
    made.close()


def names(cache: Informer) -> set[str]:
    return {o["metadata"]["name"] for o in cache.list("default")}


def test_a_factory_follows_the_store_under_fire(live: TestCluster) -> None:
    factory = InformerFactory(live.client)
    everything, front = factory.informer("configmaps"), factory.informer("cm", field_selector="metadata.name=w1-3")
    assert factory.informer("cm") is everything

    def write(me: str) -> None:
        for i in range(40):
            live.client.create("cm", {"metadata": {"name": f"{me}-{i}"}}, "default")
            if i % 3 == 0:
                live.client.delete("cm", f"{me}-{i}", "default")
            else:
                live.client.patch("cm", f"{me}-{i}", {"data": {"i": str(i)}}, "default")

    writers = [threading.Thread(target=write, args=(f"w{n}",)) for n in range(3)]
    for writer in writers:
        writer.start()
    factory.start()
    assert factory.wait_for_sync(30)
    for writer in writers:
        writer.join(60)
    wanted = {o["metadata"]["name"] for o in live.client.list("cm", "default")["items"]}
    assert wait_until(lambda: names(everything) == wanted, 30)
    fresh = {o["metadata"]["name"]: o for o in live.client.list("cm", "default")["items"]}
    assert wait_until(lambda: all(everything.get(n, "default") == o for n, o in fresh.items()), 30)
    assert front.list() == []
    factory.stop()


def test_a_reader_left_behind_starts_again(live: TestCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 800)
    monkeypatch.setattr(journal.expired, "__kwdefaults__", {"retain_bytes": 1500})
    factory = InformerFactory(live.client)
    cache = factory.informer("configmaps")
    factory.start()
    hub = live.client._hub.get()
    with hub.lock:  # the hub cannot read while the journal runs away from it
        for i in range(30):
            live.client.create("cm", {"metadata": {"name": f"a{i}"}}, "default")
    live.client.create("cm", {"metadata": {"name": "last"}}, "default")
    assert wait_until(lambda: "last" in names(cache) and len(names(cache)) == 31, 30)
    factory.stop()


def test_a_handler_that_fails_does_not_silence_the_others(caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_objects: Obj) -> None:
        raise RuntimeError("a bug")

    cache, log = informer(), Log()
    cache.add_handler(Handler(fail, fail, fail))
    cache.add_handler(log.handler)
    cache.replace([cm("a")])
    cache.apply("DELETED", cm("a", 2))
    assert log.seen == ["+a", "-a"] and "a handler of configmaps failed on default/a" in caplog.text
