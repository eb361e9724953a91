"""`kubectl cluster-info dump`: the objects and logs of namespaces, to a terminal or into files.

Source: kubectl `pkg/cmd/clusterinfo/clusterinfo_dump.go`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import IO

from minikctl.api import schema
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.kubectl import PROGRAM
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import DURATION, LIST, Option
from minikctl.kubectl.printers import PRINT_OPTIONS, Typed, printer
from minikctl.kubectl.resolve import ALL_NAMESPACES
from minikctl.util.errors import UsageError

RESOURCES = (
    ("events", "events"),
    ("replicationcontrollers", "replication-controllers"),
    ("services", "services"),
    ("daemonsets", "daemonsets"),
    ("deployments", "deployments"),
    ("replicasets", "replicasets"),
    ("pods", "pods"),
)
"""(resource, file name) of what is dumped of a namespace."""


class Dump:
    """Where things go: everything to one stream, or each to a file of its own."""

    def __init__(self, call: Invocation):
        self.call = call
        given = call.flags.output_directory
        self.folder = call.env.cwd / given if given not in ("", "-") else None
        self.extension = {"json": ".json", "yaml": ".yaml"}.get(call.flags.output, ".txt")
        self.stream = _Stream(call.env.stdout)
        inner = Invocation(call.command, call.path, replace(call.env, stdout=self.stream), call.flags, call.args)  # type: ignore[arg-type]
        self.show = printer(inner)

    def open(self, name: str, extension: str) -> IO[str] | None:
        """The file for something; None where everything goes to one stream. Raises UsageError."""
        if self.folder is None:
            return None
        path = self.folder / f"{name}{extension}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("w", encoding="utf-8")
        except OSError as e:
            raise UsageError(f"open {path}: {(e.strerror or '').lower()}") from None

    def listing(self, resource: str, namespace: str, name: str) -> list[Obj]:
        """Print a list, and give its items. Raises ApiError."""
        found = self.call.client.list(resource, namespace)
        kind = self.call.client.kind(resource)
        assert kind is not None
        items = [Typed(schema.decode(kind.type, _bare(i)).value) for i in found["items"]]
        version = (found.get("metadata") or {}).get("resourceVersion")
        metadata = {"resourceVersion": version} if version else {}
        head = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata}
        self._to(self.open(name, self.extension), lambda: self.show(Typed({**head, "items": items}), None))
        return list(found["items"])

    def logs(self, pod: Obj, name: str) -> None:
        spec, metadata = pod["spec"], pod["metadata"]

        def write() -> None:
            for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
                about = f"logs for container {container['name']} of pod {metadata['namespace']}/{metadata['name']} ===="
                self.stream.write(f"==== START {about}\n")
                try:
                    for chunk in self.call.client.logs(
                        metadata["name"], metadata["namespace"], {"container": container["name"]}
                    ):
                        self.stream.write(chunk.decode("utf-8", "replace"))
                except ApiError as e:
                    self.stream.write(f"Request log error: {e}\n")
                self.stream.write(f"==== END {about}\n")

        self._to(self.open(name, ".txt"), write)

    def _to(self, file: IO[str] | None, write: object) -> None:
        assert callable(write)
        if file is None:
            write()
            return
        with file:
            self.stream.target, before = file, self.stream.target
            try:
                write()
            finally:
                self.stream.target = before


class _Stream:
    """What the printer writes to, whatever file is open."""

    def __init__(self, target: IO[str]):
        self.target = target

    def write(self, text: str) -> int:
        return self.target.write(text)


def _bare(obj: Obj) -> Obj:
    """Items of a typed list do not say what they are."""
    return {k: v for k, v in obj.items() if k not in ("kind", "apiVersion")}


def run(call: Invocation) -> None:
    """Raises ApiError, UsageError."""
    dump = Dump(call)
    dump.listing("nodes", "", "nodes")
    for namespace in namespaces(call):
        found: list[Obj] = []
        for resource, name in RESOURCES:
            found = dump.listing(resource, namespace, f"{namespace}/{name}")
        for pod in found:
            dump.logs(pod, f"{namespace}/{pod['metadata']['name']}/logs")
    if dump.folder is not None:
        call.out(f"Cluster info dumped to {call.flags.output_directory}")


def namespaces(call: Invocation) -> list[str]:
    if call.flags.all_namespaces:
        return [n["metadata"]["name"] for n in call.client.list("namespaces")["items"]]
    return list(call.flags.namespaces) or ["kube-system", call.namespace]


COMMAND = Command(
    name="dump",
    summary="Dump relevant information for debugging and diagnosis",
    use="cluster-info dump [flags]",
    description=(
        "Dump what helps to find out what is wrong with a cluster.\n\n"
        "Everything goes to standard output, or with --output-directory into files below a folder. Without --namespaces "
        "and --all-namespaces, it is about the current namespace and kube-system. The logs of all pods belong to it."
    ),
    examples=(
        ("To standard output", f"{PROGRAM} cluster-info dump"),
        ("Into a folder", f"{PROGRAM} cluster-info dump --output-directory=/path/to/cluster-state"),
        ("Of all namespaces", f"{PROGRAM} cluster-info dump --all-namespaces"),
        ("Of some namespaces", f"{PROGRAM} cluster-info dump --namespaces default,kube-system"),
    ),
    options=(
        ALL_NAMESPACES,
        Option("namespaces", LIST, help="The namespaces to dump, parted by commas.", complete="namespaces"),
        *(replace(o, default="json") if o.name == "output" else o for o in PRINT_OPTIONS),
        Option("output-directory", help="Folder for the files; empty or '-' is standard output.", complete="folders"),
        Option("pod-running-timeout", DURATION, default=20.0, help="How long to wait for a running pod (5s, 2m, 3h)."),
    ),
    run=run,
)
