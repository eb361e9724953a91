"""The kernel's rules: loaded in pieces, changed in small steps, taken over from an earlier proxy."""

from __future__ import annotations

import os
import random
import re
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from minikctl.proxy import conntrack
from minikctl.proxy.nftables import CHUNK, TABLES, Nftables, refused
from minikctl.proxy.rules import BackendFailure, Endpoint, Key, Target
from tests.proxy import lab as labs
from tests.proxy.lab import NODES, SERVICES, Lab
from tests.support.network import cluster_network
from tests.support.ordinary_user import as_ordinary_user, open_folder
from tests.support.waiting import eventually


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    if missing := labs.missing_tools("nftables"):
        pytest.skip(missing)
    with cluster_network(labs.state_dir(tmp_path)) as network:
        if network is None:
            pytest.skip("this machine does not let us make network namespaces")
        made = Lab(network)
        if why := refused(SERVICES, made.nft):
            pytest.skip(f"nftables does not work here: {why}")
        yield made
        made.close()


class Recorded:
    """Passes everything on to nft, and remembers it."""

    def __init__(self, lab: Lab):
        self.lab, self.texts = lab, list[str]()

    def __call__(self, text: str, arguments: list[str]) -> str:
        if text:
            self.texts.append(text)
        return self.lab.nft(text, arguments)


def many(services: int, endpoints: int, *, changed: int = -1) -> dict[Key, Target]:
    """So many Services that share so many endpoints; one has one endpoint less."""
    found = {}
    each = endpoints // services
    for i in range(services):
        ends = tuple(Endpoint(f"10.244.{1 + n // 250}.{2 + n % 250}", 8080) for n in range(i * each, (i + 1) * each))
        key = ("Service", "default", f"service-{i}", "http")
        front = ((f"10.96.{1 + i // 250}.{1 + i % 250}", 80),)
        found[key] = Target(key, "tcp", front, node_port=30000 + i, endpoints=ends[1:] if i == changed else ends)
    return found


def table_of(lab: Lab) -> str:
    return lab.nft("", ["list", "ruleset"])


def test_a_big_load_goes_in_pieces_and_a_change_is_small(lab: Lab) -> None:
    run = Recorded(lab)
    nft = Nftables(SERVICES, run)
    nft.apply(many(300, 1000), NODES)
    assert len(run.texts) > 3 and all(len(t) < 2 * CHUNK for t in run.texts)
    assert table_of(lab).count("numgen random") == 300
    run.texts.clear()
    nft.apply(many(300, 1000, changed=7), NODES)
    assert len(run.texts) == 1 and len(run.texts[0]) < 1000
    run.texts.clear()
    nft.apply(many(300, 1000, changed=7), NODES)
    assert run.texts == [], "nothing has changed, nothing is said"
    nft.apply(many(2, 6), NODES)
    listed = table_of(lab)
    assert listed.count("numgen random") == 2 and len(set(re.findall(r"10\.244\.\d+\.\d+ \. 10\.244", listed))) == 6
    nft.apply({}, NODES)
    assert "service-" not in table_of(lab) and "10.244.1.2" not in table_of(lab).replace("10.244.1.0", "")


def test_a_new_proxy_takes_over_without_a_gap_and_remembers_clients(lab: Lab) -> None:
    ends = tuple(lab.serve(p, 80) for p in "abc")
    key = ("Service", "default", "web", "")
    target = Target(key, "tcp", (("10.96.0.80", 80),), endpoints=ends, affinity=600)
    lab.in_router(["ip", "route", "add", SERVICES, "dev", "lo"])
    Nftables(SERVICES, lab.nft).apply({key: target}, NODES)
    mine = lab.who("b", "10.96.0.80", 80)
    for _ in range(3):
        fresh = Nftables(SERVICES, lab.nft)
        fresh.apply({key: target}, NODES)
        assert lab.all_who("b", "10.96.0.80", 80, 10) == {mine}
    assert sum(f"table ip {t} " in table_of(lab) for t in TABLES) == 1


def test_what_went_wrong_is_mended_by_the_next_turn(lab: Lab) -> None:
    nft = Nftables(SERVICES, lab.nft)
    key = ("Service", "default", "web", "")
    good = Target(key, "tcp", (("10.96.0.80", 80),), endpoints=(lab.serve("a", 80),))
    nft.apply({key: good}, NODES)
    lab.nft("flush ruleset", ["-f", "-"])
    with pytest.raises(BackendFailure):
        nft.apply({}, NODES)
    nft.apply({key: good}, NODES)
    assert lab.who("b", "10.96.0.80", 80) == "a"


def test_flows_of_udp_leave_an_endpoint_that_is_gone(lab: Lab) -> None:
    a, c = lab.serve("a", 53), lab.serve("c", 53)
    key = ("Service", "default", "dns", "")
    before, after = (Target(key, "udp", (("10.96.0.53", 53),), endpoints=(e,)) for e in (a, c))
    nft = Nftables(SERVICES, lab.nft)
    nft.apply({key: before}, NODES)

    def ask(sock: socket.socket) -> str:
        sock.send(b"who")
        return sock.recv(100).decode().split()[0]

    with lab.socket("b", socket.SOCK_DGRAM) as sock:
        sock.connect(("10.96.0.53", 53))
        assert ask(sock) == "a"
        nft.apply({key: after}, NODES)
        assert ask(sock) == "a", "the kernel keeps a flow where it is"
        fronts = conntrack.udp_fronts([after], [])

        def connect() -> socket.socket:
            return lab.network.socket(socket.AF_NETLINK, socket.SOCK_RAW, conntrack.NETLINK_NETFILTER)

        assert conntrack.clean(fronts, connect) == 1
        assert ask(sock) == "c"
        assert conntrack.clean(fronts, connect) == 0
        assert conntrack.clean({("10.96.0.53", 53): frozenset()}, connect) == 1, "all flows of a Service that is gone"


def test_as_an_ordinary_user() -> None:
    if missing := labs.missing_tools("nftables"):
        pytest.skip(missing)

    def check(folder: Path) -> None:
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        with cluster_network(labs.state_dir(folder)) as network:
            if network is None:
                return
            lab = Lab(network)
            if refused(SERVICES, lab.nft):
                return
            key = ("Service", "default", "web", "")
            target = Target(key, "tcp", (("10.96.0.80", 80),), endpoints=(lab.serve("a", 80), lab.serve("c", 80)))
            nft = Nftables(SERVICES, lab.nft)
            nft.apply({**many(300, 1000), key: target}, NODES)
            eventually(lambda: lab.all_who("b", "10.96.0.80", 80, 20) == {"a", "c"})
            lab.close()

    with open_folder() as folder:
        as_ordinary_user(folder, partial(check, folder))


def test_small_steps_lead_where_a_fresh_load_leads(lab: Lab) -> None:
    """Whatever has changed, in whatever order: nothing is left over and nothing is missing."""
    rng = random.Random(11)
    ends = [Endpoint(f"10.244.{n}.{i}", port, f"node-{n}") for n in (1, 2) for i in (2, 3, 4) for port in (80, 81)]

    def some(least: int = 0) -> tuple[Endpoint, ...]:
        return tuple(sorted(rng.sample(ends, rng.randint(least, 4))))

    def anything(i: int) -> Target:
        by_node = tuple((f"node-{n}", some(1)) for n in (1, 2) if rng.random() < 0.3)
        return Target(
            ("Service" if i % 4 else "Pod", "default", f"s{i}", rng.choice(("", "http"))),
            rng.choice(("tcp", "udp")),
            cluster_fronts=((f"10.96.0.{i + 1}", 80),),
            fronts=tuple((f"198.51.100.{i}", p) for p in (80, 443) if rng.random() < 0.3),
            node_port=rng.choice((0, 30000 + i)),
            endpoints=some(),
            by_node=by_node,
            local_only=rng.random() < 0.3,
            affinity=rng.choice((0, 0, 60)),
        )

    def listed(nft: Nftables) -> list[str]:
        text = lab.nft("", ["list", "table", "ip", nft.table]).replace(nft.table, "T")
        blocks = re.findall(r"^\t(?:chain|set|map) .*?^\t}$", text, re.M | re.S)
        return sorted(" ".join(sorted(re.findall(r"[^\s,]+", b))) for b in blocks)

    steps, state = Nftables(SERVICES, lab.nft), dict[Key, Target]()
    for _ in range(40):
        kept = {k: t for k, t in state.items() if rng.random() < 0.8}
        state = kept | {t.key: t for t in (anything(rng.randrange(12)) for _ in range(3))}
        taken: set[str] = set()
        state = {k: t for k, t in state.items() if k[2] not in taken and not taken.add(k[2])}  # type: ignore[func-returns-value]
        steps.apply(state, NODES)
    by_steps = listed(steps)
    fresh = Nftables(SERVICES, lab.nft)
    fresh.apply(state, NODES)
    assert by_steps == listed(fresh)
