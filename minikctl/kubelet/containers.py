"""From a container's spec to what the runtime is told: the environment resolved, the command expanded.

Source: kubelet `kuberuntime/kuberuntime_container.go` (generateContainerConfig), `container/helpers.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, name, namespace
from minikctl.client import Client
from minikctl.kubelet import allotment, environment
from minikctl.kubelet.manifests import is_static
from minikctl.kubelet.own_files import domain_of
from minikctl.kubelet.pod_worker import Start, spec_hash
from minikctl.kubelet.security import security
from minikctl.runtime.interface import ContainerConfig, ImageStatus, Mount

LONGEST_HOSTNAME = 64
"""For the kernel."""


def plain_config(start: Start) -> ContainerConfig:
    """Without an environment: for a runtime that runs nothing."""
    return ContainerConfig(
        name=start.spec["name"],
        image=start.spec["image"],
        attempt=start.attempt,
        spec_hash=spec_hash(start.spec),
        init=start.init,
    )


def container_config(
    client: Client,
    pod: Obj,
    start: Start,
    facts: environment.Facts,
    mounts: Callable[[Mapping[str, str]], Sequence[Mount]],
    resources: Obj,
    image: ImageStatus | None = None,
) -> ContainerConfig:
    """Everything for one run; `mounts` is asked with the environment; `resources` are those granted.

    Raises environment.ConfigError, ApiError."""
    spec = start.spec
    env = environment.make(
        pod,
        spec,
        facts,
        lambda wanted: _read(client, "configmaps", wanted, namespace(pod)),
        lambda wanted: _read(client, "secrets", wanted, namespace(pod)),
        _services(client, pod),
    )
    values = dict(env)
    return ContainerConfig(
        name=spec["name"],
        image=spec["image"],
        attempt=start.attempt,
        command=tuple(environment.expand(word, values) for word in spec.get("command") or []),
        args=tuple(environment.expand(word, values) for word in spec.get("args") or []),
        env=tuple(env),
        working_dir=spec.get("workingDir") or "",
        mounts=tuple(mounts(values)),
        stdin=bool(spec.get("stdin")),
        stdin_once=bool(spec.get("stdinOnce")),
        tty=bool(spec.get("tty")),
        spec_hash=spec_hash(spec),
        init=start.init,
        security=security(pod, spec, image),
        resources=allotment.of_container(pod, resources),
        target=spec.get("targetContainerName") or "",
    )


def hostname(pod: Obj, node: str = "") -> str:
    """What the pod calls itself; on the host's network, what the node does. Source: kubelet
    `GeneratePodHostNameAndDomain`."""
    if pod["spec"].get("hostNetwork") and node:
        return node
    short = str(pod["spec"].get("hostname") or name(pod))[:63].rstrip("-.")
    domain = domain_of(pod)
    whole = f"{short}.{domain}" if pod["spec"].get("setHostnameAsFQDN") and domain else short
    return whole if len(whole) <= LONGEST_HOSTNAME else short


def _read(client: Client, resource: str, wanted: str, where: str) -> Obj | None:
    try:
        return client.get(resource, wanted, where)
    except ApiError as e:
        if e.reason == "NotFound":
            return None
        raise


def _services(client: Client, pod: Obj) -> dict[str, str]:
    links = pod["spec"].get("enableServiceLinks", True) is not False
    own, found = namespace(pod), []
    try:
        found = list(client.list("services", own)["items"]) if links else []
        if own != "default" or not links:
            master = _read(client, "services", "kubernetes", "default")
            found += [master] if master else []
    except ApiError:
        if not is_static(pod):  # which waits for no API server
            raise
    return environment.service_variables(found, own, links)
