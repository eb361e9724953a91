"""What is served: discovery, OpenAPI, tables. Pure."""

GROUP = "wardle.example.com"
KINDS = {"flunders": "Flunder", "fischers": "Fischer"}
RESOURCES = {"v1alpha1": ("flunders", "fischers"), "v1beta1": ("flunders",)}
VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
MODERN = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
SPECS = {
    ("v1alpha1", "flunders"): {"reference": {"type": "string"}, "referenceType": {"type": "string"}},
    ("v1beta1", "flunders"): {
        "flunderReference": {"type": "string"},
        "fischerReference": {"type": "string"},
        "referenceType": {"type": "string"},
    },
}
FISCHER = {"disallowedFlunders": {"type": "array", "items": {"type": "string"}}}


def find(path, accept):
    """(media type, document) of a path; None for no such document."""
    root = f"/apis/{GROUP}"
    if path == "/apis":
        if "as=APIGroupDiscoveryList" in accept and ";v=v2;" in accept.replace(" ", ""):
            return MODERN, _modern()
        return "application/json", {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group()]}
    if path == root:
        return "application/json", {"kind": "APIGroup", "apiVersion": "v1", **_group()}
    if path == "/openapi/v3":
        paths = {f"{root[1:]}/{v}": {"serverRelativeURL": f"/openapi/v3{root}/{v}?hash=1"} for v in RESOURCES}
        return "application/json", {"paths": paths}
    for version in RESOURCES:
        if path == f"{root}/{version}":
            return "application/json", _list(version)
        if path == f"/openapi/v3{root}/{version}":
            return "application/json", _openapi(version)
    return "", None


def _group():
    versions = [{"groupVersion": f"{GROUP}/{v}", "version": v} for v in ("v1beta1", "v1alpha1")]
    return {"name": GROUP, "versions": versions, "preferredVersion": versions[0]}


def _list(version):
    resources = [
        {
            "name": name,
            "singularName": name[:-1],
            "namespaced": name == "flunders",
            "kind": KINDS[name],
            "verbs": VERBS,
        }
        for name in sorted(RESOURCES[version])
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{version}", "resources": resources}


def _modern():
    versions = []
    for version in ("v1beta1", "v1alpha1"):
        resources = [
            {
                "resource": name,
                "responseKind": {"group": GROUP, "version": version, "kind": KINDS[name]},
                "scope": "Namespaced" if name == "flunders" else "Cluster",
                "singularResource": name[:-1],
                "verbs": VERBS,
            }
            for name in sorted(RESOURCES[version])
        ]
        versions.append({"version": version, "resources": resources, "freshness": "Current"})
    items = [{"metadata": {"name": GROUP}, "versions": versions}]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _openapi(version):
    schemas, paths = {}, {}
    for name in RESOURCES[version]:
        kind = KINDS[name]
        own = {"group": GROUP, "version": version, "kind": kind}
        properties = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
        if (version, name) in SPECS:
            properties["spec"] = {"type": "object", "properties": SPECS[version, name]}
        else:
            properties |= FISCHER
        shape = {"type": "object", "properties": properties, "x-kubernetes-group-version-kind": [own]}
        schemas[f"com.example.wardle.{version}.{kind}"] = shape
        place = "namespaces/{namespace}/" if name == "flunders" else ""
        answer = {"responses": {"200": {"description": "OK"}}, "x-kubernetes-group-version-kind": own}
        paths[f"/apis/{GROUP}/{version}/{place}{name}"] = {
            "get": {**answer, "x-kubernetes-action": "list"},
            "post": {**answer, "x-kubernetes-action": "post"},
        }
    info = {"title": "wardle-server", "version": "0.1"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def table(obj):
    """An object, or a list, as a Table."""
    items = obj.get("items", [obj])
    columns = [
        {"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0},
        {"name": "Created At", "type": "date", "format": "", "description": "", "priority": 0},
    ]
    rows = []
    for one in items:
        meta = one["metadata"]
        partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": meta}
        rows.append({"cells": [meta["name"], meta.get("creationTimestamp")], "object": partial})
    listed = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
    head = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": listed}
    return {**head, "columnDefinitions": columns, "rows": rows}
