"""Lists in pages and watches as streams."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

import httpx

from tests.support.cluster import TestCluster

CMS = "/api/v1/namespaces/default/configmaps"


def fill(live: TestCluster, names: str, **labels: str) -> None:
    for name in names:
        live.client.create("cm", {"metadata": {"name": name, "labels": labels}}, "default")


def names(listing: dict) -> str:
    return "".join(i["metadata"]["name"] for i in listing["items"])


def events(http: httpx.Client, url: str, count: int, **headers: str) -> list[dict]:
    """The first events of a watch."""

    def lines() -> Iterator[str]:
        with http.stream("GET", url, headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            yield from answer.iter_lines()

    return [json.loads(line) for line in islice(lines(), count)]


def brief(found: list[dict]) -> list[tuple[str, str]]:
    return [(e["type"], e["object"]["metadata"].get("name", "")) for e in found]


def test_pages_are_of_one_moment(live: TestCluster, http: httpx.Client) -> None:
    fill(live, "abcdef")
    first = http.get(f"{CMS}?limit=2").json()
    assert names(first) == "ab" and first["metadata"]["remainingItemCount"] == 4
    live.client.delete("cm", "c", "default")
    fill(live, "z")
    token = first["metadata"]["continue"]
    second = http.get(CMS, params={"limit": 2, "continue": token}).json()
    third = http.get(CMS, params={"limit": 2, "continue": second["metadata"]["continue"]}).json()
    assert names(second) + names(third) == "cdef" and "continue" not in third["metadata"]
    versions = {p["metadata"]["resourceVersion"] for p in (first, second, third)}
    assert len(versions) == 1
    exact = http.get(CMS, params={"resourceVersion": versions.pop(), "resourceVersionMatch": "Exact"}).json()
    assert names(exact) == "abcdef" and names(http.get(CMS).json()) == "abdefz"


def test_versions_that_cannot_be_listed_are_gone(live: TestCluster, http: httpx.Client) -> None:
    fill(live, "a")
    version = http.get(CMS).json()["metadata"]["resourceVersion"]
    fill(live, "b")
    old = http.get(CMS, params={"resourceVersion": version, "resourceVersionMatch": "Exact"})
    assert old.status_code == 410 and old.json()["reason"] == "Expired"
    newer = http.get(CMS, params={"resourceVersion": version, "resourceVersionMatch": "NotOlderThan"})
    assert names(newer.json()) == "ab"


def test_selectors(live: TestCluster, http: httpx.Client) -> None:
    fill(live, "ab", tier="front")
    fill(live, "c", tier="back")
    assert names(http.get(f"{CMS}?labelSelector=tier=front").json()) == "ab"
    assert names(http.get(f"{CMS}?fieldSelector=metadata.name!=a").json()) == "bc"


def test_watch_from_a_version(live: TestCluster, http: httpx.Client) -> None:
    fill(live, "a")
    version = http.get(CMS).json()["metadata"]["resourceVersion"]
    fill(live, "b")
    live.client.patch("cm", "a", {"data": {"x": "1"}}, "default")
    live.client.delete("cm", "b", "default")
    found = events(http, f"{CMS}?watch=1&resourceVersion={version}", 3)
    assert brief(found) == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]
    rising = [int(e["object"]["metadata"]["resourceVersion"]) for e in found]
    assert rising == sorted(set(rising))


def test_watch_without_a_version_begins_with_what_is_there(live: TestCluster, http: httpx.Client) -> None:
    fill(live, "ab")
    assert brief(events(http, f"{CMS}?watch=1", 2)) == [("ADDED", "a"), ("ADDED", "b")]


def test_watch_by_selector_sees_objects_come_and_go(live: TestCluster, http: httpx.Client) -> None:
    fill(live, "a", tier="front")
    version = http.get(CMS).json()["metadata"]["resourceVersion"]
    for tier in ("back", "front"):
        live.client.patch("cm", "a", {"metadata": {"labels": {"tier": tier}}}, "default")
    found = events(http, f"{CMS}?watch=1&resourceVersion={version}&labelSelector=tier=front", 2)
    assert brief(found) == [("DELETED", "a"), ("ADDED", "a")]


def test_initial_events_end_with_a_bookmark(live: TestCluster, http: httpx.Client) -> None:
    fill(live, "ab")
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    found = events(http, f"{CMS}?{query}", 3)
    assert brief(found) == [("ADDED", "a"), ("ADDED", "b"), ("BOOKMARK", "")]
    assert found[2]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert http.get(f"{CMS}?watch=1&sendInitialEvents=true").status_code == 422


def test_watch_as_tables(live: TestCluster, http: httpx.Client) -> None:
    fill(live, "ab")
    found = events(http, f"{CMS}?watch=1", 2, accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    assert [e["object"]["rows"][0]["cells"][0] for e in found] == ["a", "b"]
    assert found[0]["object"]["columnDefinitions"] and not found[1]["object"]["columnDefinitions"]


def test_a_watch_ends_when_its_time_is_over(live: TestCluster, http: httpx.Client) -> None:
    fill(live, "a")
    answer = http.get(f"{CMS}?watch=1&timeoutSeconds=1")
    assert len(answer.text.splitlines()) == 1


def test_a_hundred_watchers_see_the_same(live: TestCluster, http: httpx.Client) -> None:
    version = http.get(CMS).json()["metadata"]["resourceVersion"]
    with httpx.Client(base_url=http.base_url, timeout=30, limits=httpx.Limits(max_connections=None)) as many:
        streams = [many.stream("GET", f"{CMS}?watch=1&resourceVersion={version}") for _ in range(100)]
        lines = [s.__enter__().iter_lines() for s in streams]
        fill(live, "abc")
        seen = [[json.loads(next(line))["object"]["metadata"]["name"] for _ in range(3)] for line in lines]
        for stream in streams:
            stream.__exit__(None, None, None)
    assert seen == [["a", "b", "c"]] * 100


def test_versions_to_come_and_gone(live: TestCluster, http: httpx.Client) -> None:
    fill(live, "a")
    assert http.get(f"{CMS}?watch=1&resourceVersion=99999999").status_code == 504
