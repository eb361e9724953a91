"""kustomize: manifests from a folder with a `kustomization.yaml`, as `kubectl kustomize` and `-k` make them.

The result equals kustomize's own, hashes and order included. What a kustomization may hold here: resources and
components (local folders and files), patches of all kinds, images, replicas, prefixes and suffixes, labels,
annotations, namespace, generators for ConfigMaps and Secrets, replacements, sortOptions. Anything else is refused by
name: nothing is silently left out.

A resource is plain JSON data that belongs to this build alone and is changed in place (`resource.py`). `target.py` says
what happens in which order. Source: sigs.k8s.io/kustomize, api v0.21.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from minikctl.api.meta import Obj


def build(path: str, cwd: Path, warn: Callable[[str], None], *, restricted: bool = True) -> list[Obj]:
    """The objects of a kustomization, in the order in which they are printed. Raises UsageError.

    warn: told about fields that are going away. restricted: files must lie in or below their kustomization's folder.
    """
    from minikctl.kubectl.kustomize.files import Root
    from minikctl.kubectl.kustomize.target import Target, finish

    target = Target(Root.at(path, cwd, restricted=restricted), warn)
    return finish(target)
