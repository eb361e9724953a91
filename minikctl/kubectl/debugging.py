"""What `debug` creates: an ephemeral container, a copy of a pod, a pod on a node. Pure but for generated names.

Source: kubectl `pkg/cmd/debug/debug.go`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from minikctl.api.meta import Obj, generate_name
from minikctl.api.patch import strategic
from minikctl.kubectl import debug_profiles
from minikctl.kubectl.debug_profiles import COPY, EPHEMERAL, NODE, Keep
from minikctl.util.errors import UsageError

NOT_ROOT = (
    "Warning: Non-root user is configured for the entire target Pod, and some capabilities granted by debug profile may "
    'not work. Please consider using "--custom" with a custom profile that specifies "securityContext.runAsUser: 0".'
)


_rng = random.Random()


@dataclass(frozen=True)
class Wanted:
    """The flags, in the words of a container."""

    image: str = ""
    container: str = ""
    args: Sequence[str] = ()
    args_only: bool = False
    env: Sequence[Obj] = ()
    pull_policy: str = ""
    stdin: bool = False
    tty: bool = False
    target: str = ""
    profile: str = "general"
    custom: Obj | None = None
    keep: Keep = Keep()
    copy_to: str = ""
    same_node: bool = False
    share_processes: bool | None = None
    set_images: Mapping[str, str] = field(default_factory=dict)
    say: Callable[[str], None] = print
    """Where notes go to."""


def _copy(obj: Obj) -> Obj:
    found: Obj = json.loads(json.dumps(obj))
    return found


def containers_of(pod: Obj) -> dict[str, Obj]:
    fields = ("containers", "initContainers", "ephemeralContainers")
    return {c["name"]: c for f in fields for c in pod["spec"].get(f) or []}


def _name(pod: Obj, wanted: Wanted) -> str:
    if wanted.container:
        return wanted.container
    known = containers_of(pod)
    name = generate_name("debugger-", _rng)
    while name in known:
        name = generate_name("debugger-", _rng)
    wanted.say(f"Defaulting debug container name to {name}.")
    return name


def _new(name: str, wanted: Wanted) -> Obj:
    """A container of the flags' own."""
    container: Obj = {"name": name, "image": wanted.image}
    if wanted.args:
        container["args" if wanted.args_only else "command"] = list(wanted.args)
    if wanted.env:
        container["env"] = list(wanted.env)
    container |= {"resources": {}, "terminationMessagePolicy": "File"}
    if wanted.pull_policy:
        container["imagePullPolicy"] = wanted.pull_policy
    return container | {k: True for k, v in (("stdin", wanted.stdin), ("tty", wanted.tty)) if v}


def _customized(pod: Obj, name: str, wanted: Wanted) -> None:
    """Apply --custom to the container. Raises UsageError."""
    if wanted.custom is None:
        return
    container = containers_of(pod)[name]
    try:
        patched = strategic.apply(container, {**wanted.custom, "name": name}, "core/v1.Container")
    except strategic.PatchError as e:
        raise UsageError(f"error creating three way patch to add debug container: {e}") from None
    container.clear()
    container.update(patched)


def ephemeral_container(pod: Obj, wanted: Wanted) -> Obj:
    """The container to add to a running pod. Raises UsageError."""
    name = _name(pod, wanted)
    container = _new(name, wanted)
    if wanted.target:
        container["targetContainerName"] = wanted.target
    copied = _copy(pod)
    copied["spec"]["ephemeralContainers"] = [*(copied["spec"].get("ephemeralContainers") or []), container]
    debug_profiles.apply(wanted.profile, EPHEMERAL, copied, name)
    _customized(copied, name, wanted)
    return containers_of(copied)[name]


def node_pod(node: str, wanted: Wanted) -> Obj:
    """The pod that runs in the namespaces of a node. Raises UsageError."""
    name, pod_name = wanted.container or "debugger", generate_name(f"node-debugger-{node}-", _rng)
    wanted.say(f"Creating debugging pod {pod_name} with container {name} on node {node}.")
    pod: Obj = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": pod_name, "labels": {"app.kubernetes.io/managed-by": "kubectl-debug"}},
        "spec": {
            "containers": [_new(name, wanted)],
            "restartPolicy": "Never",
            "nodeName": node,
            "tolerations": [{"operator": "Exists"}],
        },
    }
    debug_profiles.apply(wanted.profile, NODE, pod, name)
    _customized(pod, name, wanted)
    return pod


def pod_copy(pod: Obj, wanted: Wanted) -> tuple[Obj, str]:
    """(the copy, its container to debug in; "" when only images are changed). Raises UsageError."""
    kept = {k: v for k, v in pod["metadata"].items() if k in ("namespace", "labels", "annotations")}
    copied = _copy(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": wanted.copy_to, **kept}, "spec": pod["spec"]}
    )
    spec = copied["spec"]
    spec.pop("ephemeralContainers", None)
    if wanted.share_processes is not None:
        spec["shareProcessNamespace"] = wanted.share_processes
    if not wanted.same_node:
        spec.pop("nodeName", None)
    for container in spec["containers"]:
        image = wanted.set_images.get(container["name"]) or wanted.set_images.get("*")
        if image:
            container["image"] = image
    existing = containers_of(copied).get(wanted.container)
    if existing is None:
        if not wanted.image:
            if wanted.set_images:
                return copied, ""
            raise UsageError("you must specify image when creating new container")
        name = _name(copied, wanted)
        spec["containers"].append(_new(name, wanted))
    else:
        name = wanted.container
        _overridden(existing, wanted)
    debug_profiles.apply(wanted.profile, COPY, copied, name, wanted.keep)
    _customized(copied, name, wanted)
    return copied, name


def _overridden(container: Obj, wanted: Wanted) -> None:
    """Change a container that the pod has."""
    if wanted.args and wanted.args_only:
        container["args"] = list(wanted.args)
    elif wanted.args:
        container["command"] = list(wanted.args)
        container.pop("args", None)
    if wanted.env:
        container["env"] = list(wanted.env)
    if wanted.image:
        container["image"] = wanted.image
    if wanted.pull_policy:
        container["imagePullPolicy"] = wanted.pull_policy
    for key, value in (("stdin", wanted.stdin), ("tty", wanted.tty)):
        container.pop(key, None)
        if value:
            container[key] = True


def lacks_root(container: Obj | None, pod: Obj) -> bool:
    """Whether the container is granted more than the pod's user can make use of."""
    user = (pod["spec"].get("securityContext") or {}).get("runAsUser")
    context = (container or {}).get("securityContext")
    if not user or not context or context.get("runAsUser") == 0:
        return False
    return bool(context.get("privileged") or (context.get("capabilities") or {}).get("add"))
