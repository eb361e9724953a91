"""`minikctl cluster export`: what people made in the cluster, as manifests for another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, name
from minikctl.api.portable import is_somebodys, portable, rank
from minikctl.client import Client
from minikctl.client.state_dir import load
from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.util.errors import UsageError

FORMATS = ("yaml", "json")


def run(call: Invocation) -> None:
    output = call.flags.output or "yaml"
    if output not in FORMATS:
        raise UsageError(f"unknown output format {output!r}, allowed formats are: {', '.join(FORMATS)}")
    client = _open(kubeconfig.local_directory(call))
    namespace = call.flags.namespace or ""
    if namespace:
        client.get("namespaces", namespace)
    objects = exported(client, namespace)
    if output == "json":
        from minikctl.kubectl.printers.json_out import dumps

        call.out(dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))
        return
    from minikctl.kubectl.printers import yaml_out

    for i, obj in enumerate(objects):
        call.out(("---\n" if i else "") + yaml_out.dumps(obj), end="")


def _open(directory: Path) -> Client:
    """The files, whether the cluster runs or not. Raises UsageError."""
    from minikctl.client.local import LocalClient

    if load(directory) is None:
        raise UsageError(f"there is no cluster in {directory}")
    return LocalClient.on_files(directory, actor="kubectl-export")


def exported(client: Client, namespace: str = "") -> Iterator[Obj]:
    """Manifests in an order that can be applied. With a namespace: it and what is in it."""
    kinds = [k for k in client.kinds() if {"list", "create"} <= set(k.verbs) and k.conversion is None]
    for kind in _one_version_each(sorted(kinds, key=rank)):
        if namespace and not kind.namespaced and kind.plural != "namespaces":
            continue
        for obj in client.list(kind, namespace if kind.namespaced else "")["items"]:
            wanted = not namespace or kind.namespaced or name(obj) == namespace
            if wanted and is_somebodys(kind, obj):
                yield portable(kind, obj)


def _one_version_each(kinds: list[Kind]) -> Iterator[Kind]:
    """A kind that is served in several versions is exported in the first."""
    seen = set()
    for kind in kinds:
        if (kind.group, kind.plural) not in seen:
            seen.add((kind.group, kind.plural))
            yield kind


COMMAND = Command(
    name="export",
    summary="Write what is in the cluster as manifests that another cluster accepts",
    use="export [-n NAMESPACE] [-o yaml|json]",
    description=(
        "Everything that people made, without what belongs to this cluster: uids, status, node names, cluster IPs, "
        "objects that controllers made."
    ),
    options=(Option("output", short="o", help="yaml (the default) or json.", complete=FORMATS),),
    examples=(
        ("Move everything to another cluster", "minikctl cluster export | minikctl --context elsewhere apply -f -"),
        ("One namespace only", "minikctl cluster export -n team > team.yaml"),
    ),
    run=run,
    takes_arguments=False,
)
