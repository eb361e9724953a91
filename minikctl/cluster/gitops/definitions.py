"""What the addon gitops consists of: the kinds of argoproj.io, their namespace and the project `default`."""

from __future__ import annotations

from typing import Any

from minikctl.api.meta import Obj

NAMESPACE, GROUP = "argocd", "argoproj.io"
ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_STRING, _BOOL, _INT = {"type": "string"}, {"type": "boolean"}, {"type": "integer"}


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    needed = {"required": list(required)} if required else {}
    return {"type": "object", **needed, "properties": properties, "x-kubernetes-preserve-unknown-fields": True}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


_SOURCE = _object(
    ("repoURL",),
    repoURL=_STRING,
    path=_STRING,
    targetRevision=_STRING,
    directory=_object(recurse=_BOOL, include=_STRING, exclude=_STRING),
    kustomize=_object(
        namePrefix=_STRING,
        nameSuffix=_STRING,
        namespace=_STRING,
        images=_list(_STRING),
        commonLabels={"type": "object", "additionalProperties": _STRING},
        commonAnnotations={"type": "object", "additionalProperties": _STRING},
        replicas=_list(ANYTHING),
    ),
    helm=_object(
        releaseName=_STRING,
        values=_STRING,
        valuesObject=ANYTHING,
        valueFiles=_list(_STRING),
        parameters=_list(_object(name=_STRING, value=_STRING, forceString=_BOOL)),
    ),
)
_RETRY = _object(limit=_INT, backoff=_object(duration=_STRING, factor=_INT, maxDuration=_STRING))
_SPEC = _object(
    ("destination", "project"),
    project=_STRING,
    source=_SOURCE,
    sources=_list(_SOURCE),
    destination=_object(server=_STRING, name=_STRING, namespace=_STRING),
    syncPolicy=_object(
        automated=_object(prune=_BOOL, selfHeal=_BOOL, allowEmpty=_BOOL, enabled=_BOOL),
        syncOptions=_list(_STRING),
        retry=_RETRY,
    ),
    ignoreDifferences=_list(_object(("kind",), group=_STRING, kind=_STRING, name=_STRING, jsonPointers=_list(_STRING))),
    revisionHistoryLimit=_INT,
)
_OPERATION = _object(
    sync=_object(
        revision=_STRING,
        prune=_BOOL,
        dryRun=_BOOL,
        syncOptions=_list(_STRING),
        resources=_list(ANYTHING),
        source=_SOURCE,
    ),
    initiatedBy=_object(username=_STRING, automated=_BOOL),
    retry=_RETRY,
)
_COLUMNS = [
    {"name": "Sync Status", "type": "string", "jsonPath": ".status.sync.status"},
    {"name": "Health Status", "type": "string", "jsonPath": ".status.health.status"},
    {"name": "Revision", "type": "string", "jsonPath": ".status.sync.revision", "priority": 10},
    {"name": "Project", "type": "string", "jsonPath": ".spec.project", "priority": 10},
]


def _definition(kind: str, plural: str, short: list[str], schema: Obj, columns: Any) -> Obj:
    whole = {
        "type": "object",
        "required": ["metadata", "spec"],
        "properties": {"metadata": {"type": "object"}, **schema},
    }
    version: Obj = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": whole}}
    if columns:
        version["additionalPrinterColumns"] = columns
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower(), "shortNames": short}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}", "labels": {"app.kubernetes.io/part-of": "argocd"}},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def objects() -> list[Obj]:
    """In the order in which they can be made."""
    application = {"spec": _SPEC, "operation": _OPERATION, "status": ANYTHING}
    project = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "default", "namespace": NAMESPACE},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        _definition("Application", "applications", ["app", "apps"], application, _COLUMNS),
        _definition("AppProject", "appprojects", ["appproj", "appprojs"], {"spec": ANYTHING, "status": ANYTHING}, []),
        project,
    ]
