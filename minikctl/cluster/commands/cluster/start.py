"""`minikctl cluster start`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minikctl.cluster import start
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, DURATION, INT, Option
from minikctl.util.errors import UsageError

MOST_NODES = 5000
MOST_CONTROL_PLANES = 9
ELECTION = "leader-elect-"

SETTINGS = (
    Option("nodes", INT, default=1, help="How many nodes: node-1, node-2, …"),
    Option("simulated", BOOL, help="Nodes run no processes; their pods are Running and Ready at once."),
    Option("fsync", BOOL, help="Flush every write to the disk: survives a power cut, costs a millisecond a write."),
    Option("control-planes", INT, default=1, help="How many control planes; with several, one leads at a time."),
    Option(f"{ELECTION}lease-duration", DURATION, default=15, help="When others take over from a silent leader."),
    Option(f"{ELECTION}renew-deadline", DURATION, default=10, help="When a leader that cannot renew gives up."),
    Option(f"{ELECTION}retry-period", DURATION, default=2, help="How often leaders renew and others look."),
)


def settings(call: Invocation) -> dict[str, Any]:
    """The settings that were given; what was not given stays as it is. Raises UsageError."""
    given = {o.name: call.flags.get(o.name) for o in SETTINGS if call.flags.changed(o.name)}
    if not 1 <= given.get("nodes", 1) <= MOST_NODES:
        raise UsageError(f"--nodes must be between 1 and {MOST_NODES}")
    if not 1 <= given.get("control-planes", 1) <= MOST_CONTROL_PLANES:
        raise UsageError(f"--control-planes must be between 1 and {MOST_CONTROL_PLANES}")
    election = {k.removeprefix(ELECTION).replace("-", "_"): given.pop(k) for k in list(given) if k.startswith(ELECTION)}
    if election:
        given["leaderElection"] = _timing(election)
    if "control-planes" in given:
        given["controlPlanes"] = given.pop("control-planes")
    return given


def _timing(given: dict[str, float]) -> dict[str, float]:
    """As cluster.json keeps it. Raises UsageError."""
    from minikctl.client.leader_election import Timing

    try:
        Timing(**given)
    except ValueError as e:
        raise UsageError(f"leader election: {e}") from None
    return given


def run(call: Invocation) -> None:
    directory = kubeconfig.local_directory(call)
    fresh = start.start(directory, **settings(call))
    ready = wait(call, directory)
    state = "is ready" if fresh else "is running already"
    call.out(f"The cluster in {directory} {state}: {described(directory, ready)}")


def wait(call: Invocation, directory: Path) -> int:
    """Wait for the nodes, with a progress line on a terminal only."""
    err = call.env.stderr
    if not err.isatty():
        return start.wait_ready(directory)

    shown = ""

    def progress(text: str) -> None:
        nonlocal shown
        if text != shown:
            shown = text
            err.write(f"\r{text} …\x1b[K")
            err.flush()

    try:
        return start.wait_ready(directory, progress)
    finally:
        err.write("\r\x1b[K")


def described(directory: Path, ready: int) -> str:
    from minikctl.client.state_dir import load

    cluster = load(directory)
    kind = "simulated " if cluster and cluster.simulated else ""
    return f"{ready} {kind}node{'' if ready == 1 else 's'} ready"


COMMAND = Command(
    name="start",
    summary="Start the cluster and wait until its nodes are ready",
    use="start [--nodes N] [--simulated] [--control-planes N] [--fsync]",
    options=SETTINGS,
    examples=(
        ("Start a cluster with one node", "minikctl cluster start"),
        ("Start one with three nodes that run no processes", "minikctl cluster start --nodes 3 --simulated"),
        ("Start one whose control plane survives the loss of a process", "minikctl cluster start --control-planes 3"),
    ),
    run=run,
    takes_arguments=False,
)
