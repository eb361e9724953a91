"""Lists in pages and watches as streams."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

import httpx
import pytest

from minikctl.apiserver.http import lists
from tests.support.cluster import TestCluster
from tests.support.http import serving

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


# ---------------------------------------------------------------------- the tables of "API concepts"

OPTIONS = 'ListOptions.meta.k8s.io "" is invalid: '
MATCH = "resourceVersionMatch"


@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ("", 200, ""),
        ("resourceVersion=0", 200, ""),
        ("resourceVersion=NOW", 200, ""),
        ("resourceVersion=OLD", 200, ""),
        ("limit=1", 200, ""),
        ("limit=1&resourceVersion=0", 200, ""),
        ("limit=1&resourceVersion=NOW", 200, ""),
        ("limit=1&resourceVersion=OLD", 410, "too old"),
        (f"{MATCH}=Exact", 422, f"{OPTIONS}{MATCH}: Forbidden: {MATCH} is forbidden unless resourceVersion is provided"),
        (f"{MATCH}=Exact&resourceVersion=0", 422, f'{OPTIONS}{MATCH}: Forbidden: {MATCH} "exact" is forbidden for resourceVersion "0"'),
        (f"{MATCH}=Exact&resourceVersion=NOW", 200, ""),
        (f"{MATCH}=Exact&resourceVersion=OLD", 410, "too old"),
        (f"{MATCH}=Exact&resourceVersion=NOW&limit=1", 200, ""),
        (f"{MATCH}=NotOlderThan", 422, f"{OPTIONS}{MATCH}: Forbidden: {MATCH} is forbidden unless resourceVersion is provided"),
        (f"{MATCH}=NotOlderThan&resourceVersion=0", 200, ""),
        (f"{MATCH}=NotOlderThan&resourceVersion=OLD", 200, ""),
        (f"{MATCH}=NotOlderThan&resourceVersion=OLD&limit=1", 200, ""),
        (f"{MATCH}=Nonsense&resourceVersion=NOW", 422, f'{OPTIONS}{MATCH}: Unsupported value: "Nonsense": supported values: "Exact", "NotOlderThan", ""'),
        ("resourceVersion=99999999", 504, "Too large resource version: 99999999, current: NOW"),
        (f"{MATCH}=Exact&resourceVersion=99999999", 504, "Too large resource version: 99999999, current: NOW"),
        ("resourceVersion=x", 400, 'invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax'),
        ("limit=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("limit=-1", 200, ""),
        ("sendInitialEvents=true", 422, f"{OPTIONS}sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"),
        ("continue=TOKEN&limit=1", 200, ""),
        ("continue=TOKEN&resourceVersion=0", 200, ""),
        ("continue=TOKEN&resourceVersion=NOW", 400, "specifying resource version is not allowed when using continue"),
        (f"continue=TOKEN&resourceVersion=NOW&{MATCH}=Exact", 422, f"{OPTIONS}{MATCH}: Forbidden: {MATCH} is forbidden when continue is provided"),
        ("continue=rubbish", 400, "continue key is not valid"),
    ],
)  # fmt: skip
def test_what_lists_may_ask(live: TestCluster, http: httpx.Client, query: str, code: int, text: str) -> None:
    fill(live, "a")
    old = str(live.store.current_rv())
    fill(live, "bcd")
    now = str(live.store.current_rv())
    token = http.get(f"{CMS}?limit=2").json()["metadata"]["continue"]
    answer = http.get(f"{CMS}?{query.replace('NOW', now).replace('OLD', old).replace('TOKEN', token)}")
    assert answer.status_code == code, answer.text
    if code != 200:
        assert text.replace("NOW", now) in answer.json()["message"]
        return
    limit = 1 if "limit=1" in query else 4
    rest = 2 if "TOKEN" in query else 4
    assert len(answer.json()["items"]) == min(limit, rest)
    assert answer.json()["metadata"]["resourceVersion"] == now


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", ["ADDED a", "ADDED b"]),
        ("resourceVersion=0", ["ADDED a", "ADDED b"]),
        ("resourceVersion=OLD", ["ADDED b"]),
        ("resourceVersion=NOW", []),
        (f"sendInitialEvents=true&{MATCH}=NotOlderThan", ["ADDED a", "ADDED b"]),
        (f"sendInitialEvents=true&{MATCH}=NotOlderThan&allowWatchBookmarks=true", ["ADDED a", "ADDED b", "BOOKMARK "]),
        (f"sendInitialEvents=true&{MATCH}=NotOlderThan&allowWatchBookmarks=true&resourceVersion=OLD", ["ADDED a", "ADDED b", "BOOKMARK "]),
        (f"sendInitialEvents=true&{MATCH}=NotOlderThan&allowWatchBookmarks=true&fieldSelector=metadata.name=b", ["ADDED b", "BOOKMARK "]),
        (f"sendInitialEvents=false&{MATCH}=NotOlderThan", []),
        (f"sendInitialEvents=false&{MATCH}=NotOlderThan&resourceVersion=OLD", ["ADDED b"]),
    ],
)  # fmt: skip
def test_where_watches_begin(live: TestCluster, http: httpx.Client, query: str, wanted: list[str]) -> None:
    fill(live, "a")
    old = str(live.store.current_rv())
    fill(live, "b")
    query = query.replace("OLD", old).replace("NOW", str(live.store.current_rv()))
    found = [json.loads(line) for line in http.get(f"{CMS}?watch=true&timeoutSeconds=1&{query}").text.splitlines()]
    assert [f"{e['type']} {e['object']['metadata'].get('name', '')}" for e in found] == wanted
    for mark in (e["object"]["metadata"] for e in found if e["type"] == "BOOKMARK"):
        assert mark["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert mark["resourceVersion"] == str(live.store.current_rv())


@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ("sendInitialEvents=true", 422, f"{OPTIONS}{MATCH}: Forbidden: sendInitialEvents requires setting {MATCH} to NotOlderThan"),
        ("sendInitialEvents=false", 422, f"{OPTIONS}{MATCH}: Forbidden: sendInitialEvents requires setting {MATCH} to NotOlderThan"),
        (f"{MATCH}=NotOlderThan", 422, f"{OPTIONS}{MATCH}: Forbidden: {MATCH} is forbidden for watch unless sendInitialEvents is provided"),
        (f"sendInitialEvents=true&{MATCH}=Exact", 422, f'{MATCH}: Unsupported value: "Exact": supported values: "NotOlderThan"'),
        ("resourceVersion=x", 400, 'invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax'),
        ("resourceVersion=99999999", 504, "Too large resource version: 99999999"),
        ("timeoutSeconds=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("labelSelector=a%20in%20(", 400, ""),
    ],
)  # fmt: skip
def test_what_watches_may_not_ask(http: httpx.Client, query: str, code: int, text: str) -> None:
    answer = http.get(f"{CMS}?watch=1&timeoutSeconds=1&{query}" if "timeout" not in query else f"{CMS}?watch=1&{query}")
    assert answer.status_code == code and text in answer.json()["message"], answer.text


@pytest.mark.parametrize(
    ("value", "watches"), [("1", True), ("true", True), ("yes", True), ("", True), ("0", False), ("False", False)]
)
def test_booleans_as_go_reads_them(live: TestCluster, http: httpx.Client, value: str, watches: bool) -> None:
    fill(live, "a")
    answer = http.get(f"{CMS}?timeoutSeconds=1&watch={value}").json()
    assert ("type" in answer) == watches


def test_a_bookmark_before_the_end(live: TestCluster, http: httpx.Client) -> None:
    """A quiet watch tells how far it has seen, so that the next one need not begin with a list."""
    fill(live, "a")
    version = http.get(CMS).json()["metadata"]["resourceVersion"]
    live.client.create("secrets", {"metadata": {"name": "s"}}, "default")
    lines = http.get(
        f"{CMS}?watch=1&timeoutSeconds=3&allowWatchBookmarks=true&resourceVersion={version}"
    ).text.splitlines()
    event = json.loads(lines[-1])
    assert event["type"] == "BOOKMARK" and event["object"]["kind"] == "ConfigMap"
    assert int(event["object"]["metadata"]["resourceVersion"]) == live.store.current_rv()


def test_get_of_a_version(live: TestCluster, http: httpx.Client) -> None:
    fill(live, "a")
    assert http.get(f"{CMS}/a?resourceVersion=1").status_code == 200
    assert http.get(f"{CMS}/a?resourceVersion=999999").status_code == 504
    assert http.get(f"{CMS}/a?resourceVersion=x").status_code == 400


def test_a_rest_that_is_gone_can_be_had_all_the_same(live: TestCluster, http: httpx.Client) -> None:
    """Kubernetes' own test: 410 with a token that accepts inconsistency."""
    fill(live, "abc")
    with serving(live) as other, httpx.Client(base_url=other, timeout=20) as restarted:
        token = http.get(f"{CMS}?limit=1").json()["metadata"]["continue"]
        fill(live, "d")
        gone = restarted.get(CMS, params={"limit": 1, "continue": token})
        assert gone.status_code == 410 and gone.json()["reason"] == "Expired"
        rest = restarted.get(CMS, params={"limit": 9, "continue": gone.json()["metadata"]["continue"]})
        assert names(rest.json()) == "bcd"


def test_a_token_that_is_five_minutes_old_is_too_old(
    live: TestCluster, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing has changed, as after a compaction: programs that page slowly meet it in every cluster."""
    fill(live, "abcd")
    first = http.get(f"{CMS}?limit=1").json()["metadata"]["continue"]
    second = http.get(CMS, params={"limit": 1, "continue": first}).json()["metadata"]["continue"]
    later = lists.time.time() + lists.SNAPSHOT_SECONDS + 1
    monkeypatch.setattr(lists.time, "time", lambda: later)
    for token, rest in ((first, "bcd"), (second, "cd")):
        gone = http.get(CMS, params={"limit": 1, "continue": token})
        assert (gone.status_code, gone.json()["reason"]) == (410, "Expired")
        found = http.get(CMS, params={"limit": 9, "continue": gone.json()["metadata"]["continue"]})
        assert names(found.json()) == rest
