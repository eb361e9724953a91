"""`minikctl cluster node add`."""

from __future__ import annotations

from typing import Any

from minikctl.api.names import dns_subdomain, label_value, qualified_name
from minikctl.cluster import completing, nodes
from minikctl.cluster.progress import waiting
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, INT, STRING, Option
from minikctl.util.errors import UsageError

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
MOST = 1000


def run(call: Invocation) -> None:
    if len(call.args) > 1:
        raise call.usage_error(f"unknown argument {call.args[1]!r}")
    name, count = (call.args or [""])[0], int(call.flags.count)
    if not 1 <= count <= MOST:
        raise UsageError(f"--count must be between 1 and {MOST}")
    if name and count > 1:
        raise UsageError("--count is for nodes whose names are chosen here")
    if problems := dns_subdomain(name) if name else []:
        raise UsageError(f"{name!r} is no name for a node: {problems[0]}")
    given, directory = settings(call), kubeconfig.local_directory(call)
    added: list[str] = []

    def decide(cluster: nodes.Cluster) -> nodes.Cluster:
        for _ in range(count):
            cluster, made = nodes.with_added(cluster, name, given)
            added.append(made)
        return cluster

    nodes.change(directory, decide)
    for made in added:
        with waiting(call.env.stderr, f"Waiting for {made}"):
            nodes.wait_ready(directory, made)
        call.out(f"node/{made} added")


def settings(call: Invocation) -> dict[str, Any]:
    """What was given, as cluster.json keeps it. Raises UsageError."""
    flags = call.flags
    found: dict[str, Any] = _preset(flags.preset, flags.zone) if flags.preset else {}
    for resource in ("cpu", "memory"):
        if text := flags.get(resource):
            found[resource] = _quantity(resource, text)
            found.pop("reserved", None)
    if flags.changed("pods"):
        if flags.pods < 0:
            raise UsageError("--pods must not be negative")
        found["pods"] = flags.pods
    if flags.labels:
        found["labels"] = {**found.get("labels", {}), **labels(flags.labels)}
    if flags.taints:
        found["taints"] = [taint(text) for text in flags.taints.split(",")]
    if flags.zone:
        found["zone"] = labels(f"{nodes.ZONE}={flags.zone}")[nodes.ZONE]
    if flags.changed("simulated"):
        found["simulated"] = flags.simulated
    return found


def _preset(name: str, zone: str) -> dict[str, Any]:
    from minikctl.cluster.presets import PRESETS

    if name not in PRESETS:
        raise UsageError(f"no preset is called {name!r}; `minikctl cluster node presets` lists them")
    return PRESETS[name].settings(zone)


def _quantity(resource: str, text: str) -> str:
    from minikctl.api import quantity

    try:
        amount = quantity.parse(text)
    except ValueError:
        raise UsageError(f"--{resource}: {text!r} is not a quantity, like 4, 500m or 8Gi") from None
    if amount <= 0:
        raise UsageError(f"--{resource} must be positive")
    return text


def labels(text: str) -> dict[str, str]:
    """`key=value,…`. Raises UsageError."""
    found = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if not equals or qualified_name(key) or label_value(value):
            raise UsageError(f"--labels: {part!r} is not a label, like disk=ssd")
        found[key] = value
    return found


def taint(text: str) -> dict[str, str]:
    """`key=value:Effect` or `key:Effect`. Raises UsageError."""
    pair, _, effect = text.rpartition(":")
    key, _, value = pair.partition("=")
    if effect not in EFFECTS or qualified_name(key) or label_value(value):
        raise UsageError(f"--taints: {text!r} is not a taint, like dedicated=gpu:NoSchedule")
    return {"key": key, **({"value": value} if value else {}), "effect": effect}


COMMAND = Command(
    name="add",
    summary="Add a node to the local cluster",
    use="cluster node add [NAME] [--preset NAME] [--cpu N] [--memory N] [--pods N] [--labels k=v] [--taints k=v:Effect] [--zone ZONE]",
    options=(
        Option("count", INT, default=1, help="How many, with names chosen here: node-4, node-5, …"),
        Option("cpu", STRING, help="How many cores it says that it has (4, 500m). Default: the machine's."),
        Option("memory", STRING, help="How much memory it says that it has (8Gi). Default: the machine's."),
        Option(
            "preset",
            STRING,
            help="A machine of a managed cloud (t3.medium, e2-standard-2, Standard_B2s).",
            complete=completing.presets,
        ),
        Option("pods", INT, default=110, help="How many pods it takes at the most."),
        Option("labels", STRING, help="Labels: key=value,key=value."),
        Option("taints", STRING, help="Taints: key=value:Effect,key:Effect."),
        Option("zone", STRING, help=f"The zone it is in (label {nodes.ZONE})."),
        Option("simulated", BOOL, help="It runs no processes. Default: as the cluster's first nodes."),
    ),
    examples=(
        ("Add a node", "minikctl cluster node add"),
        ("Add one like a small machine of AWS: 11 pods", "minikctl cluster node add --preset t3.small"),
        ("Add one for special work", "minikctl cluster node add gpu-1 --labels gpu=yes --taints gpu=yes:NoSchedule"),
        (
            "Add ten small simulated ones in a zone",
            "minikctl cluster node add --count 10 --cpu 2 --memory 4Gi --zone b",
        ),
    ),
    run=run,
)
