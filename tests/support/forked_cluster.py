"""A real cluster whose supervisor is forked from the test: as the user that the test is then, without starting a Python.

(An ordinary user may not be allowed to execute the interpreter that runs the tests.)
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import logging
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import minikctl
from minikctl.client.local import LocalClient
from minikctl.client.state_dir import ensure
from minikctl.cluster import layout, processes, start
from minikctl.runtime.network.client import ClusterNetwork
from tests.support.waiting import eventually


@dataclass
class ForkedCluster:
    """`client` writes its files; `network` is None where pods share the machine's."""

    root: Path
    client: LocalClient
    network: ClusterNetwork | None = None
    sandboxes: dict[str, str] = field(default_factory=dict)
    """The network's id of pods, by address."""

    def process(self, component: str) -> processes.Process:
        found = processes.read(layout.pid_file(self.root, component))
        assert found is not None, f"{component} has no pid file"
        return found

    def logs(self) -> str:
        return "\n".join(f"--- {p.name}\n{p.read_text()[-3000:]}" for p in sorted((self.root / "run").glob("*.log")))

    # ------------------------------------------------------------------ objects

    def create(self, word: str, name: str, namespace: str = "default", **content: Any) -> dict[str, Any]:
        metadata = {"name": name, **content.pop("metadata", {})}
        return self.client.create(word, {"metadata": metadata, **content}, namespace)

    def deployment(self, name: str, image: str, replicas: int, container: Mapping[str, Any] = {}, **pod: Any) -> None:
        labels = {"app": name}
        spec = {"containers": [{"name": "c", "image": image, **container}], **pod}
        template = {"metadata": {"labels": labels}, "spec": spec}
        body = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        self.create("deployments.apps", name, spec=body)

    def service(self, name: str, app: str = "", **spec: Any) -> dict[str, Any]:
        spec.setdefault("ports", [{"port": 80, "targetPort": 8080}])
        if app:
            spec["selector"] = {"app": app}
        made: dict[str, Any] = self.create("services", name, spec=spec)["spec"]
        return made

    def pods(self, app: str) -> list[dict[str, Any]]:
        """Those that are ready and are not being deleted, by name."""
        found = self.client.list("pods", "default", label_selector=f"app={app}")["items"]
        return [p for p in found if is_ready(p) and not p["metadata"].get("deletionTimestamp")]

    def wait_for_pods(self, app: str, count: int, timeout: float = 60) -> list[dict[str, Any]]:
        eventually(lambda: len(self.pods(app)) == count, timeout, 0.05)
        return self.pods(app)

    # ------------------------------------------------------------------ from within

    def socket(self, pod_ip: str, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """A socket in a pod's network namespace; with "" in the router's."""
        assert self.network is not None
        if not pod_ip:
            made = self.network.socket(kind=kind)
        else:
            made = self.network.pod_socket(self.sandbox(pod_ip), kind=kind)
        made.settimeout(30)
        return made

    def sandbox(self, pod_ip: str) -> str:
        """The network's id of the pod that has an address."""
        assert self.network is not None
        if pod_ip not in self.sandboxes:
            for each in self.network.pods():
                with contextlib.suppress(OSError), self.network.pod_socket(each) as sock:
                    sock.bind((pod_ip, 0))
                    self.sandboxes[pod_ip] = each
        return self.sandboxes[pod_ip]


def import_for_others() -> None:
    """Import all that the program may ever import, where an ordinary user cannot read this interpreter's library. What
    is imported already needs no reading. Call it as root, before becoming that user."""
    if all(p.stat().st_mode & 0o001 for p in (Path(sys.base_prefix), *Path(sys.base_prefix).parents)):
        return
    _try_import("importlib.readers", "encodings.idna", "encodings.ascii")  # which other modules import when needed
    package = Path(minikctl.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                _try_import(*(alias.name for alias in node.names))
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                _try_import(node.module)
                for alias in node.names:
                    getattr(sys.modules.get(node.module), alias.name, None)


def _try_import(*names: str) -> None:
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@contextlib.contextmanager
def forked_cluster(root: Path, environ: Mapping[str, str] = {}, **settings: Any) -> Iterator[ForkedCluster]:
    """Started and ready; nothing is left of it at the end. `environ`: for its processes. settings: of cluster.json."""
    ensure(root, **settings)
    pid = os.fork()
    if pid == 0:
        _be_supervisor(root, environ)
    made = ForkedCluster(root, LocalClient.on_files(root, actor="test"))
    try:
        wanted = settings.get("nodes", 1)
        eventually(lambda: len(start.ready_nodes(root)) == wanted, 60, 0.05)
        made.network = ClusterNetwork.open(root)
        yield made
    except BaseException:
        print(made.logs())
        raise
    finally:
        made.client.close()
        if made.network is not None:
            made.network.close()
        os.kill(pid, signal.SIGTERM)
        _wait_for(pid)


def _be_supervisor(root: Path, environ: Mapping[str, str]) -> None:
    """Never returns."""
    try:
        os.environ.update(environ)
        os.environ.pop("MINIKCTL_STATE", None)
        (root / "run").mkdir(exist_ok=True)
        log = os.open(root / "run" / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        logging.getLogger().handlers.clear()  # pytest's
        os.closerange(3, 4096)
        os.setsid()
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        from minikctl.cluster import supervisor

        supervisor.main(["--state-dir", str(root)])
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(0)


def _wait_for(pid: int) -> None:
    deadline = time.monotonic() + 30
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise AssertionError("the supervisor does not end")
        time.sleep(0.01)
