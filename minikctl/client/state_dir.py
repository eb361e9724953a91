"""Which directory is the local cluster, and what its `cluster.json` says.

`cluster.json` makes a directory a cluster of ours: without it nothing in the directory is touched. Cheap to import:
every command passes through here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from minikctl.util.errors import EnvironmentProblem

FILE = "cluster.json"
FORMAT = "minikctl/2"
OLDER = ("minikctl/1",)
"""Formats that can be read; the next start brings such a directory up to date (cluster/upgrade.py)."""
VARIABLE = "MINIKCTL_STATE"
POD_CIDR, SERVICE_CIDR = "10.244.0.0/16", "10.96.0.0/16"

PORTS = range(20000, 30000)
"""Where the API server may listen: below the node ports, and what systems use for outgoing connections."""

SUPERVISOR = Path("run", "supervisor.pid")
"""The pid file of the process that runs the cluster (`util.processes`)."""

OWN_FOLDERS = ("registry", "journal", "run", "pods", "volumes", "pki", "images", "nodes")
KEPT_FOLDERS = ("snapshots",)
"""Those that a reset leaves."""
OWN_FILES = (FILE, "lock", "kubeconfig")
"""Everything that a cluster writes into its directory."""


@dataclass(frozen=True)
class Cluster:
    """The content of cluster.json. What `cluster start` has flags for can be changed by the next start."""

    uid: str
    created: str
    nodes: int = 1
    simulated: bool = False
    fsync: bool = False
    podCIDR: str = POD_CIDR
    serviceCIDR: str = SERVICE_CIDR
    port: int = 0
    """Where the HTTPS API server of this cluster listens."""
    added: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Nodes beyond node-1 … node-N by name: {index, simulated, cpu, memory, pods, labels, taints, zone, reserved,
    preset, group}, as given."""
    removed: list[str] = field(default_factory=list)
    """Those of node-1 … node-N that are no more."""
    stopped: list[str] = field(default_factory=list)
    """Nodes that have been switched off."""
    controlPlanes: int = 1
    """How many control planes stand by for each other; with one there is no leader election, as there is no other."""
    leaderElection: dict[str, float] = field(default_factory=dict)
    """Seconds that differ from Kubernetes' own: {lease_duration, renew_deadline, retry_period}."""
    autoscaler: dict[str, Any] = field(default_factory=dict)
    """{groups: {NAME: {min, max, node: as in `added`}}, settings: {…}}; see cluster/autoscaler."""
    addons: list[str] = field(default_factory=list)
    """What runs beyond an ordinary cluster: `gitops`."""

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def node_names(self) -> list[str]:
        """Every node that there is, switched on or off."""
        first = [f"node-{i}" for i in range(1, self.nodes + 1)]
        return [n for n in first if n not in self.removed and n not in self.added] + list(self.added)

    def running_nodes(self) -> list[str]:
        return [n for n in self.node_names() if n not in self.stopped]

    def is_simulated(self, node: str) -> bool:
        return bool(self.added[node].get("simulated")) if node in self.added else self.simulated

    def node_index(self, node: str) -> int:
        """A number of its own for every node: what its range of pod addresses is made from."""
        return int(self.added[node]["index"] if node in self.added else node.rpartition("-")[2])

    def with_(self, **changes: Any) -> Cluster:
        """Another number of first nodes brings those back that were removed."""
        again: dict[str, Any] = {"removed": []} if changes.get("nodes", self.nodes) != self.nodes else {}
        return replace(self, **{**again, **changes})


def load(state_dir: Path) -> Cluster | None:
    """The cluster in a directory, None when there is none. Raises EnvironmentProblem when its file cannot be used."""
    import json

    path = state_dir / FILE
    try:
        data = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as e:
        raise EnvironmentProblem(f"{path}: {e.strerror}") from None
    except ValueError as e:
        raise EnvironmentProblem(f"{path}: not valid JSON: {e}") from None
    given = data.get("format") if isinstance(data, dict) else None
    if not str(given).startswith("minikctl/"):
        raise EnvironmentProblem(f"{path}: not a file of minikctl's; choose another directory with --state-dir")
    if given not in (FORMAT, *OLDER):
        raise EnvironmentProblem(f"{path}: format {given} is not known to this version of minikctl ({FORMAT})")
    known = {f.name for f in fields(Cluster)}
    try:
        return Cluster(**{k: v for k, v in data.items() if k in known})
    except TypeError as e:
        raise EnvironmentProblem(f"{path}: {e}") from None


def format_of(state_dir: Path) -> str:
    """The format of a directory that `load` has accepted."""
    import json

    try:
        return str(json.loads((state_dir / FILE).read_bytes()).get("format"))
    except (OSError, ValueError):
        return ""


def is_ours(state_dir: Path) -> bool:
    try:
        return load(state_dir) is not None
    except EnvironmentProblem:
        return False


def save(state_dir: Path, cluster: Cluster) -> None:
    """Write cluster.json, whole or not at all. Raises EnvironmentProblem."""
    from minikctl.util.files import atomic_write
    from minikctl.util.jsonio import indented

    try:
        atomic_write(state_dir / FILE, indented({"format": FORMAT, **asdict(cluster)}))
    except OSError as e:
        raise EnvironmentProblem(f"cannot write {state_dir / FILE}: {e.strerror}") from None


def ensure(state_dir: Path, **settings: Any) -> Cluster:
    """The cluster in a directory, made when there is none. Raises EnvironmentProblem for a directory of others.

    Safe against another process doing the same: the file appears once, and the first one counts.
    """
    import os
    import uuid
    from datetime import UTC, datetime

    from minikctl.util.files import private_folder, temporary_beside, write_private
    from minikctl.util.jsonio import indented

    found = load(state_dir)
    if found is not None:
        return found
    refuse_foreign(state_dir)
    try:
        str(state_dir).encode()
    except UnicodeEncodeError:
        raise EnvironmentProblem(f"the path {state_dir} is not UTF-8; choose another with --state-dir") from None
    uid = str(uuid.uuid4())
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = Cluster(uid, created, port=free_port(PORTS[int(uid[:8], 16) % len(PORTS)])).with_(**settings)
    try:
        private_folder(state_dir)
        state_dir.chmod(0o700)
        temporary = temporary_beside(state_dir / FILE)
        write_private(temporary, indented({"format": FORMAT, **asdict(made)}))
        try:
            os.link(temporary, state_dir / FILE)
        except FileExistsError:
            return load(state_dir) or made
        finally:
            os.unlink(temporary)
    except OSError as e:
        raise EnvironmentProblem(f"cannot make the state directory {state_dir}: {e.strerror}") from None
    return made


def free_port(first: int) -> int:
    """The first port from `first` on, and from the beginning again, where nobody listens on 127.0.0.1."""
    import socket

    for i in range(len(PORTS)):
        port = PORTS[(first - PORTS.start + i) % len(PORTS)]
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise EnvironmentProblem(f"no free port from {PORTS.start} to {PORTS.stop - 1} on 127.0.0.1")


def refuse_foreign(state_dir: Path) -> None:
    """A directory that holds anything we did not put there is somebody's. Raises EnvironmentProblem."""
    try:
        present = {p.name for p in state_dir.iterdir()}
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise EnvironmentProblem(f"{state_dir} is not a directory") from None
    except OSError as e:
        raise EnvironmentProblem(f"{state_dir}: {e.strerror}") from None
    foreign = sorted(
        n for n in present - {"README.md", *OWN_FOLDERS, *KEPT_FOLDERS, *OWN_FILES} if not n.startswith(".")
    )
    if foreign:
        shown = ", ".join(foreign[:3]) + (", …" if len(foreign) > 3 else "")
        raise EnvironmentProblem(
            f"{state_dir} is not a state directory of minikctl: it holds {shown}; choose another with --state-dir"
        )


# ---------------------------------------------------------------------- which directory


def given(flag: str, environ: Mapping[str, str], cwd: Path) -> Path | None:
    """The directory named by --state-dir or $MINIKCTL_STATE."""
    named = flag or environ.get(VARIABLE, "")
    return (cwd / Path(named).expanduser()).absolute() if named else None


def nearest(environ: Mapping[str, str], cwd: Path) -> Path:
    """Without a name: the nearest `state/` upward that is a cluster, the checkout's own, or the user's."""
    import os.path

    for folder in (cwd, *cwd.parents):  # what is closed to this user does not exist for os.path
        if os.path.exists(folder / "state" / FILE) and is_ours(folder / "state"):
            return folder / "state"
    checkout = Path(__file__).resolve().parent.parent.parent
    if all(os.path.exists(checkout / p) for p in ("pyproject.toml", "state/README.md")):
        return checkout / "state"
    home = environ.get("XDG_STATE_HOME") or ""
    base = Path(home) if home.startswith("/") else Path(environ.get("HOME") or Path.home()) / ".local" / "state"
    return base / "minikctl"
