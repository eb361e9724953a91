"""Static pods: those of manifests in a folder of the node's, which run with or without an API server.

Each shows in the API as a mirror pod, made and kept by the kubelet: deleting it changes nothing, taking the manifest
away ends the pod. Its name has the node's behind it; its uid is a hash of the manifest, so that a changed manifest is
another pod. The folder is `<state>/nodes/<node>/manifests`, or the kubelet's setting staticPodPath.

Source: Kubernetes task "Create static Pods", kubelet `config/file.go`, `config/common.go`, `pod/mirror_client.go`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, annotations_of, is_deleting, name, namespace, timestamp, uid
from minikctl.client import DeleteOptions

if TYPE_CHECKING:
    from minikctl.kubelet.kubelet import Kubelet

log = logging.getLogger("kubelet")
PERIOD = 2.0
MIRROR, HASH = "kubernetes.io/config.mirror", "kubernetes.io/config.hash"
SEEN, SOURCE, FILE = "kubernetes.io/config.seen", "kubernetes.io/config.source", "file"
ENDINGS = (".yaml", ".yml", ".json")


class ManifestError(Exception):
    """A manifest is no pod."""


def is_static(pod: Obj) -> bool:
    """As the kubelet has it from a manifest; a mirror pod is not."""
    return annotations_of(pod).get(SOURCE) == FILE and MIRROR not in annotations_of(pod)


def parse(text: str, node: str, seen: str) -> Obj:
    """The pod of a manifest. Raises ManifestError. Pure."""
    import yaml

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as e:
        raise ManifestError(str(e).splitlines()[0]) from None
    if not isinstance(found, dict) or found.get("kind") != "Pod" or not isinstance(found.get("spec"), dict):
        raise ManifestError("it is not a Pod")
    meta = dict(found.get("metadata") or {})
    if not meta.get("name") or not found["spec"].get("containers"):
        raise ManifestError("it has no name or no containers")
    number = hashlib.md5(f"{node}\n{text}".encode(), usedforsecurity=False).hexdigest()
    own = {HASH: number, SEEN: seen, SOURCE: FILE}
    meta |= {
        "name": f"{meta['name']}-{node}",
        "namespace": meta.get("namespace") or "default",
        "uid": number,
        "annotations": {**(meta.get("annotations") or {}), **own},
    }
    everything = {"operator": "Exists", "effect": "NoExecute"}
    tolerations = [*(found["spec"].get("tolerations") or []), everything]
    pod = {**found, "metadata": meta, "spec": {**found["spec"], "nodeName": node, "tolerations": tolerations}}
    pod = json.loads(json.dumps(pod, default=str))
    from minikctl.api.pod_defaults import default_pod

    default_pod(pod)
    return {**pod, "status": {"phase": "Pending"}}


def mirror_of(pod: Obj, node: Obj | None) -> Obj:
    """What the API shows of a static pod. Pure."""
    meta = {k: v for k, v in pod["metadata"].items() if k != "uid"}
    meta["annotations"] = {**annotations_of(pod), MIRROR: annotations_of(pod)[HASH]}
    if node is not None:
        owner = {"apiVersion": "v1", "kind": "Node", "name": name(node), "uid": uid(node), "controller": True}
        meta["ownerReferences"] = [owner]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod["spec"]}


def changes(known: Mapping[str, Obj], there: Mapping[str, Obj]) -> tuple[list[Obj], list[str]]:
    """(pods that are new, uids of those that are gone). Pure."""
    return [p for number, p in there.items() if number not in known], [number for number in known if number not in there]


class StaticPods:
    """One node's. `look` is called once before the kubelet syncs anything, then every two seconds."""

    def __init__(self, kubelet: Kubelet, folder: Path):
        self._kubelet, self.folder = kubelet, folder
        self._known: dict[str, Obj] = {}
        self._read: dict[Path, tuple[tuple[int, int, int], Obj | None]] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        def run() -> None:
            while not self._stopped.wait(PERIOD):
                try:
                    self.look()
                except Exception:
                    log.exception("%s: reading static pods", self._kubelet.name)

        threading.Thread(target=run, name="static-pods", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def look(self) -> None:
        """Read the folder again, where it changed."""
        there = {uid(p): p for p in self._pods()}
        new, gone = changes(self._known, there)
        self._known = {**{k: v for k, v in self._known.items() if k in there}, **{uid(p): p for p in new}}
        for pod in new:
            self._kubelet.static_pod(pod)
        for number in gone:
            self._kubelet.static_pod_gone(number)

    def _pods(self) -> list[Obj]:
        try:
            paths = sorted(p for p in self.folder.iterdir() if p.suffix in ENDINGS and not p.name.startswith("."))
        except OSError:
            paths = []
        self._read = {p: r for p, r in self._read.items() if p in paths}
        return [pod for path in paths if (pod := self._pod(path)) is not None]

    def _pod(self, path: Path) -> Obj | None:
        try:
            about = path.stat()
            version = (about.st_mtime_ns, about.st_size, about.st_ino)
            if path not in self._read or self._read[path][0] != version:
                seen = timestamp(self._kubelet.clock.now())
                self._read[path] = (version, None)
                self._read[path] = (version, parse(path.read_text(), self._kubelet.name, seen))
        except OSError:
            return None
        except (ManifestError, ValueError, KeyError, TypeError, AttributeError) as e:
            log.warning("%s: %s: %s", self._kubelet.name, path, e)
        return self._read[path][1]

    # ------------------------------------------------------------------ mirrors

    def known(self, number: str) -> Obj | None:
        return self._known.get(number)

    def mirror(self, pod: Obj, node: Obj | None) -> None:
        """See that the API shows this pod, and nothing older in its place."""
        client = self._kubelet.client
        try:
            there = client.get("pods", name(pod), namespace(pod))
        except ApiError as e:
            if e.reason != "NotFound":
                raise
        else:
            if annotations_of(there).get(MIRROR) == annotations_of(pod)[HASH] and not is_deleting(there):
                return
            if MIRROR not in annotations_of(there):
                log.warning("pod %s/%s is in the way of a static pod", namespace(pod), name(pod))
                return
            self.remove_mirror(there)
        try:
            client.create("pods", mirror_of(pod, node), namespace(pod))
        except ApiError as e:
            log.warning("cannot show static pod %s/%s: %s", namespace(pod), name(pod), e.message)

    def remove_mirror(self, mirror: Obj) -> None:
        options = DeleteOptions(grace_period=0, uid=uid(mirror))
        try:
            self._kubelet.client.delete("pods", name(mirror), namespace(mirror), options=options)
        except ApiError as e:
            if e.reason not in ("NotFound", "Conflict"):
                log.warning("cannot remove mirror pod %s/%s: %s", namespace(mirror), name(mirror), e.message)
