"""Which resources are served: the built-in kinds and, from their definitions in the store, custom ones."""

from __future__ import annotations

from minikctl.api import kinds
from minikctl.api.kind import Kind
from minikctl.store import Store


class Resources:
    """Finds kinds by what people type and by what manifests say."""

    def __init__(self, store: Store | None = None):
        self._store = store

    def find(self, word: str) -> Kind | None:
        """`po`, `pods`, `Pod`, `deployments.apps`, `deployments.v1.apps`; None when nothing is called so."""
        return kinds.find(word) or kinds.find(word.lower())

    def by_gvk(self, group: str, version: str, kind: str) -> Kind | None:
        return kinds.by_gvk(group, version, kind)

    def by_path(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind behind `/apis/<group>/<version>/…/<plural>`."""
        return next((k for k in self.all() if (k.group, k.version, k.plural) == (group, version, plural)), None)

    def all(self) -> list[Kind]:
        return list(kinds.all_kinds())
