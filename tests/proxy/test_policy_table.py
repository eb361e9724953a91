"""NetworkPolicies as nftables: what is written, and that nft itself takes it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from minikctl.api.meta import Obj
from minikctl.api.policy.network import Compiled
from minikctl.proxy.policy.table import CHUNK, REMOVE, Rendered, changes, chunks, fresh, render
from tests.api.policy.test_network import API, CASES, DB, NAMED_PORT, ONE_PORT, OTHER, PODS, WEB, compiled, pod, policy


def rules_of(compiled_: Compiled, address: str, direction: str = "ingress") -> list[str]:
    rendered = render(compiled_)
    return list(rendered.chains[getattr(rendered, direction)[address]])


def test_a_chain_ends_in_a_drop() -> None:
    rendered = render(compiled(ONE_PORT))
    (peers,) = rendered.sets
    assert rules_of(compiled(ONE_PORT), WEB) == [f"ip saddr @{peers} tcp dport {{ 5000 }} accept", "drop"]
    assert rendered.sets[peers] == {API}
    assert rendered.itself == {f"{WEB} . {WEB}"}


def test_pods_with_the_same_rules_share_a_chain() -> None:
    deny = policy({"podSelector": {}, "ingress": []})
    rendered = render(compiled(deny))
    assert len(set(rendered.ingress.values())) == 1
    assert set(rendered.ingress) == {WEB, API, DB, OTHER}
    assert rules_of(compiled(deny), WEB) == ["drop"]


@pytest.mark.parametrize(
    ("entry", "rules"),
    [
        ({}, ["accept"]),
        ({"ports": [{"protocol": "UDP"}]}, ["meta l4proto udp accept"]),
        (
            {"ports": [{"port": 80}, {"port": 81, "endPort": 90}, {"port": 85, "endPort": 99}, {"port": 7, "protocol": "UDP"}]},
            ["tcp dport { 80-99 } accept", "udp dport { 7 } accept"],
        ),
        (
            {"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.2.0.0/16"]}}]},
            ["ip saddr 10.0.0.0/8 ip saddr != { 10.1.0.0/16, 10.2.0.0/16 } accept"],
        ),
        ({"from": [{"ipBlock": {"cidr": "fd00::/8"}}]}, []),
    ],
)  # fmt: skip
def test_what_rules_look_like(entry: Obj, rules: list[str]) -> None:
    wanted = policy({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [entry]})
    assert rules_of(compiled(wanted), WEB) == [*rules, "drop"]


def test_a_new_peer_is_one_element() -> None:
    before = render(compiled(ONE_PORT))
    after = render(compiled(ONE_PORT, pods=[*PODS, pod("more", "10.244.0.77", role="api")]))
    (line,) = changes(before, after)
    assert line.startswith("add element ip minikctl-policy peers-")
    assert line.endswith("{ 10.244.0.77 }\n")
    assert changes(after, after) == []


def test_large_changes_come_in_pieces() -> None:
    many = [pod(f"p{i}", f"10.244.{i // 250}.{i % 250 + 1}", app="web") for i in range(3000)]
    pieces = fresh(render(compiled(ONE_PORT, NAMED_PORT, pods=many)))
    assert len(pieces) > 3
    assert all(len(p) <= CHUNK for p in pieces)


@pytest.mark.skipif(shutil.which("nft") is None, reason="needs nft")
def test_nft_takes_every_step_and_comes_to_the_same(tmp_path: Path) -> None:
    """From each case's policies to the next one's, by changes; the result is what a fresh load gives."""
    states = [render(compiled(*c[1])) for c in CASES]
    steps, current = [*fresh(Rendered())], Rendered()
    for state in states:
        steps += chunks(changes(current, state))
        current = state
    last = render(compiled(NAMED_PORT, ONE_PORT))
    steps += chunks(changes(current, last))
    by_changes = listing(tmp_path, steps)
    assert by_changes == listing(tmp_path, [REMOVE, *fresh(last)])
    assert len(by_changes) > 20


def listing(tmp_path: Path, scripts: list[str]) -> list[str]:
    """What nft lists after these transactions, in a network namespace of its own."""
    for i, text in enumerate(scripts):
        (tmp_path / f"{i}.nft").write_text(text)
    loads = " && ".join(f"nft -f {tmp_path}/{i}.nft" for i in range(len(scripts)))
    probe = subprocess.run(["unshare", "-Urn", "nft", "list", "tables"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"no network namespace with nftables here: {probe.stderr.decode().strip()}")
    done = subprocess.run(
        ["unshare", "-Urn", "sh", "-c", f"{loads} && nft -j list ruleset"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return sorted(plain(entry) for entry in json.loads(done.stdout)["nftables"] if "metainfo" not in entry)


def plain(entry: Obj) -> str:
    """Without handles, and with the members of sets in order."""
    (kind, body), *_ = entry.items()
    body = {k: v for k, v in body.items() if k != "handle"}
    if "elem" in body:
        body["elem"] = sorted(body["elem"], key=repr)
    return json.dumps({kind: body}, sort_keys=True)
