"""Which resources are served: the built-in kinds and, from their definitions in the store, custom ones.

Kinds whose objects are computed (metrics) are there when an APIService says so, as on any cluster: on one without a
metrics server, and on one of simulated nodes alone, nobody has anything to measure.
"""

from __future__ import annotations

from functools import cache

from minikctl.api import kinds
from minikctl.api.kind import Kind
from minikctl.apiserver.definitions import Definitions
from minikctl.store import Store


class Resources:
    """Finds kinds by what people type and by what manifests say. Built-in kinds come first."""

    def __init__(self, store: Store | None = None):
        self._store = store
        self.definitions = Definitions(store)

    def _is_served(self, kind: Kind) -> bool:
        if not kind.is_computed:
            return True
        service = f"apiservices/{kind.version}.{kind.group}"
        return self._store is not None and self._store.path(service).exists()

    def _served(self, kind: Kind | None) -> Kind | None:
        return kind if kind is not None and self._is_served(kind) else None

    def find(self, word: str) -> Kind | None:
        """`po`, `pods`, `Pod`, `deployments.apps`, `deployments.v1.apps`; None when nothing is called so."""
        return self._served(kinds.find(word) or kinds.find(word.lower())) or self._find_custom(word)

    def _find_custom(self, word: str) -> Kind | None:
        """A group may be shortened to its beginning, when no group is called so."""
        name, _, rest = word.partition(".")
        named = [
            k
            for k in self.definitions.kinds()
            if name.lower() in (k.plural, k.singular, *k.short_names, k.kind.lower())
        ]
        exact = [k for k in named if rest in ("", k.group, f"{k.version}.{k.group}")]
        shortened = [k for k in named if rest and k.group.startswith(rest)]
        return next(iter(exact or shortened), None)

    def by_gvk(self, group: str, version: str, kind: str) -> Kind | None:
        found = self._served(kinds.by_gvk(group, version, kind))
        if found is not None or "." not in group:
            return found
        matching = (k for k in self.definitions.kinds() if (k.group, k.version, k.kind) == (group, version, kind))
        return next(matching, None)

    def by_path(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind behind `/apis/<group>/<version>/…/<plural>`."""
        found = self._served(_built_in().get((group, version, plural)))
        if found is not None or "." not in group:
            return found
        return next(
            (k for k in self.definitions.kinds() if (k.group, k.version, k.plural) == (group, version, plural)), None
        )

    def all(self) -> list[Kind]:
        return [*filter(self._is_served, kinds.all_kinds()), *self.definitions.kinds()]


@cache
def _built_in() -> dict[tuple[str, str, str], Kind]:
    return {(k.group, k.version, k.plural): k for k in kinds.all_kinds()}
