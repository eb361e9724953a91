"""Custom resources for the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.conformance.conftest import Api
from tests.support.waiting import eventually

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


@dataclass(frozen=True)
class Definition:
    api: Api
    group: str
    plural: str
    kind: str

    @property
    def name(self) -> str:
        return f"{self.plural}.{self.group}"

    def path(self, namespace: str = "", version: str = "v1") -> str:
        inside = f"namespaces/{namespace}/" if namespace else ""
        return f"/apis/{self.group}/{version}/{inside}{self.plural}"

    def object(self, name: str, version: str = "v1", **content: Any) -> dict:
        return {"apiVersion": f"{self.group}/{version}", "kind": self.kind, "metadata": {"name": name}, **content}

    def remove(self) -> None:
        self.api.delete(f"{CRDS}/{self.name}")
        eventually(lambda: self.api.is_gone(f"{CRDS}/{self.name}"))


def make_definition(
    api: Api,
    word: str,
    *,
    schema: dict | None = None,
    versions: tuple[str, ...] = ("v1",),
    scope: str = "Namespaced",
    labels: dict | None = None,
) -> Definition:
    """A definition that is established."""
    made = Definition(api, f"{word}.example.com", f"{word}s", word.capitalize())
    listed = [
        {
            "name": v,
            "served": True,
            "storage": v == versions[0],
            "schema": {"openAPIV3Schema": schema or ANYTHING},
            "subresources": {"status": {}},
        }
        for v in versions
    ]
    names = {"plural": made.plural, "singular": word, "kind": made.kind, "listKind": f"{made.kind}List"}
    spec = {"group": made.group, "scope": scope, "names": names, "versions": listed}
    api.post(CRDS, {"metadata": {"name": made.name, "labels": labels or {}}, "spec": spec})

    def established() -> bool:
        conditions = api.get(f"{CRDS}/{made.name}").get("status", {}).get("conditions") or []
        return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

    eventually(established)
    eventually(lambda: not api.is_gone(made.path()))
    return made
