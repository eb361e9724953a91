"""The Gateway API as far as it is carried out here: its CustomResourceDefinitions, and the GatewayClass `minikctl`.

Names, defaults, limits and columns are those of the Gateway API's standard channel, v1; what this implementation does
not know is no field of these schemas, so that a manifest that needs it is refused by name. Whoever applies the Gateway
API's own definitions instead gets the same controller.
"""

from __future__ import annotations

from typing import Any

from minikctl.ingress.gateways import CONTROLLER
from minikctl.ingress.http_routes import GROUP

Schema = dict[str, Any]
CLASS = "minikctl"
VERSION = "v1"
APPROVAL = "https://github.com/kubernetes-sigs/gateway-api/pull/4530"
_HOST = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_PRECISE_HOST = _HOST.replace(r"(\*\.)?", "")
_HEADER = r"^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$"
_DURATION = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")


def _object(required: str = "", /, **properties: Schema) -> Schema:
    """`required`: names with spaces between them."""
    found: Schema = {"type": "object", "properties": properties}
    return {**found, "required": required.split()} if required else found


def _text(*words: str, default: str | None = None, pattern: str = "", most: int = 253, least: int = 1) -> Schema:
    found: Schema = {"type": "string", "enum": list(words)} if words else {"type": "string", "maxLength": most}
    if not words and least:
        found["minLength"] = least
    if pattern:
        found["pattern"] = pattern
    return found if default is None else {**found, "default": default}


def _number(least: int, most: int, default: int | None = None) -> Schema:
    found: Schema = {"type": "integer", "format": "int32", "minimum": least, "maximum": most}
    return found if default is None else {**found, "default": default}


def _list(items: Schema, most: int, keys: str = "", default: Any = None, least: int = 0) -> Schema:
    found: Schema = {"type": "array", "items": items, "maxItems": most}
    if least:
        found["minItems"] = least
    if keys:
        found |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys.split()}
    return found if default is None else {**found, "default": default}


_PORT = _number(1, 65535)
_NAME = _text()
_CONDITIONS = _list(
    _object(
        "lastTransitionTime message reason status type",
        lastTransitionTime={"type": "string", "format": "date-time"},
        message={"type": "string", "maxLength": 32768},
        observedGeneration={"type": "integer", "format": "int64", "minimum": 0},
        reason=_text(most=1024),
        status=_text("True", "False", "Unknown"),
        type=_text(most=316),
    ),
    8,
    "type",
)
_SELECTOR = {
    **_object(
        matchExpressions={
            "type": "array",
            "items": _object(
                "key operator",
                key={"type": "string"},
                operator={"type": "string"},
                values={"type": "array", "items": {"type": "string"}},
            ),
        },
        matchLabels={"type": "object", "additionalProperties": {"type": "string"}},
    ),
    "x-kubernetes-map-type": "atomic",
}


def _reference(kind: str, required: str = "name", **more: Schema) -> Schema:
    return _object(
        required,
        group=_text(default="", least=0),
        kind=_text(default=kind, most=63),
        name=_NAME,
        namespace=_text(most=63),
        **more,
    )


_PARENT = _object(
    "name",
    group=_text(default=GROUP, least=0),
    kind=_text(default="Gateway", most=63),
    name=_NAME,
    namespace=_text(most=63),
    port=_PORT,
    sectionName=_NAME,
)


# ---------------------------------------------------------------------- the four kinds


def _gateway_class() -> tuple[Schema, Schema]:
    parameters = _object("group kind name", group=_text(least=0), kind=_NAME, name=_NAME, namespace=_NAME)
    name = _text(
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$"
    )
    name["x-kubernetes-validations"] = [{"message": "Value is immutable", "rule": "self == oldSelf"}]
    spec = _object(
        "controllerName",
        controllerName=name,
        description={"type": "string", "maxLength": 64},
        parametersRef=parameters,
    )
    return spec, _object(conditions=_CONDITIONS)


def _gateway() -> tuple[Schema, Schema]:
    kind = _object("kind", group=_text(default=GROUP, least=0), kind=_text(most=63))
    namespaces = {
        **_object(**{"from": _text("All", "Selector", "Same", default="Same"), "selector": _SELECTOR}),
        "default": {"from": "Same"},
    }
    allowed = {**_object(kinds=_list(kind, 8), namespaces=namespaces), "default": {"namespaces": {"from": "Same"}}}
    tls = _object(
        certificateRefs=_list(_reference("Secret"), 64),
        mode=_text("Terminate", "Passthrough", default="Terminate"),
        options={"type": "object", "additionalProperties": {"type": "string"}},
    )
    listener = _object(
        "name port protocol",
        allowedRoutes=allowed,
        hostname=_text(pattern=_HOST),
        name=_NAME,
        port=_PORT,
        protocol=_text(pattern=r"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9]+$", most=255),
        tls=tls,
    )  # fmt: skip
    address = _object(type=_text(default="IPAddress"), value=_text())
    spec = _object(
        "gatewayClassName listeners",
        addresses=_list(address, 16),
        gatewayClassName=_NAME,
        listeners=_list(listener, 64, "name", least=1),
    )
    listener_status = _object(
        "attachedRoutes conditions name",
        attachedRoutes={"type": "integer", "format": "int32"},
        conditions=_CONDITIONS,
        name=_NAME,
        supportedKinds=_list(kind, 8),
    )
    status = _object(
        addresses=_list(address, 16),
        conditions=_CONDITIONS,
        listeners=_list(listener_status, 64, "name"),
    )
    return spec, status


def _filters() -> Schema:
    header = _object("name value", name=_text(pattern=_HEADER, most=256), value=_text(most=4096))
    change = _object(add=_list(header, 16, "name"), remove=_list({"type": "string"}, 16), set=_list(header, 16, "name"))
    path = _object(
        "type",
        replaceFullPath={"type": "string", "maxLength": 1024},
        replacePrefixMatch={"type": "string", "maxLength": 1024},
        type=_text("ReplaceFullPath", "ReplacePrefixMatch"),
    )
    fraction = _object("numerator", denominator=_number(1, 2**31 - 1, 100), numerator=_number(0, 2**31 - 1))
    status_code = {"type": "integer", "enum": [301, 302, 303, 307, 308], "default": 302}
    return _list(
        _object(
            "type",
            requestHeaderModifier=change,
            requestMirror=_object(
                "backendRef",
                backendRef=_reference("Service", port=_PORT),
                fraction=fraction,
                percent=_number(0, 100),
            ),
            requestRedirect=_object(
                hostname=_text(pattern=_PRECISE_HOST),
                path=path,
                port=_PORT,
                scheme=_text("http", "https"),
                statusCode=status_code,
            ),
            responseHeaderModifier=change,
            type=_text(
                "RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "RequestRedirect", "URLRewrite"
            ),
            urlRewrite=_object(hostname=_text(pattern=_PRECISE_HOST), path=path),
        ),
        16,
    )


def _http_route() -> tuple[Schema, Schema]:
    def named(name: Schema) -> Schema:
        kind = _text("Exact", "RegularExpression", default="Exact")
        return _list(_object("name value", name=name, type=kind, value=_text(most=4096)), 16, "name")

    path = {
        **_object(
            type=_text("Exact", "PathPrefix", "RegularExpression", default="PathPrefix"),
            value=_text(default="/", most=1024, least=0),
        ),
        "default": {"type": "PathPrefix", "value": "/"},
        "x-kubernetes-validations": [
            {
                "message": "value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']",
                "rule": "(self.type in ['Exact','PathPrefix']) ? self.value.startsWith('/') : true",
            }
        ],
    }
    match = _object(
        headers=named(_text(pattern=_HEADER, most=256)),
        method=_text(*_METHODS),
        path=path,
        queryParams=named(_text(pattern=_HEADER, most=256)),
    )
    backend = _reference("Service", filters=_filters(), port=_PORT, weight=_number(0, 1000000, 1))
    rule = _object(
        backendRefs=_list(backend, 16),
        filters=_filters(),
        matches=_list(match, 64, default=[{"path": {"type": "PathPrefix", "value": "/"}}]),
        name=_NAME,
        timeouts=_object(backendRequest=_text(pattern=_DURATION), request=_text(pattern=_DURATION)),
    )
    spec = _object(
        hostnames=_list(_text(pattern=_HOST), 16),
        parentRefs=_list(_PARENT, 32),
        rules=_list(rule, 16, default=[{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}], least=1),
    )
    parent = _object(
        "conditions controllerName parentRef", conditions=_CONDITIONS, controllerName=_NAME, parentRef=_PARENT
    )
    return spec, _object("parents", parents=_list(parent, 32))


def _reference_grant() -> tuple[Schema, None]:
    giver = _object("group kind namespace", group=_text(least=0), kind=_text(most=63), namespace=_text(most=63))
    target = _object("group kind", group=_text(least=0), kind=_text(most=63), name=_NAME)
    return _object("from to", **{"from": _list(giver, 16, least=1), "to": _list(target, 16, least=1)}), None


# ---------------------------------------------------------------------- definitions


def definitions() -> list[Schema]:
    """Manifests of everything, in the order in which they are to be applied; the GatewayClass last."""
    age = ("Age", ".metadata.creationTimestamp", "date")
    accepted = '.status.conditions[?(@.type=="Accepted")].status'
    programmed = '.status.conditions[?(@.type=="Programmed")].status'
    return [
        _definition(
            "GatewayClass",
            "gatewayclasses",
            "gc",
            _gateway_class(),
            ("Controller", ".spec.controllerName", "string"),
            ("Accepted", accepted, "string"),
            age,
            namespaced=False,
        ),
        _definition(
            "Gateway",
            "gateways",
            "gtw",
            _gateway(),
            ("Class", ".spec.gatewayClassName", "string"),
            ("Address", ".status.addresses[*].value", "string"),
            ("Programmed", programmed, "string"),
            age,
        ),
        _definition("HTTPRoute", "httproutes", "", _http_route(), ("Hostnames", ".spec.hostnames", "string"), age),
        _definition("ReferenceGrant", "referencegrants", "refgrant", _reference_grant(), age),
    ]


def gateway_class() -> Schema:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "GatewayClass",
        "metadata": {"name": CLASS},
        "spec": {"controllerName": CONTROLLER, "description": "Gateways on this machine's loopback"},
    }


def _definition(
    kind: str,
    plural: str,
    short: str,
    schemas: tuple[Schema, Schema | None],
    *columns: tuple[str, str, str],
    namespaced: bool = True,
) -> Schema:
    spec, status = schemas
    word = {"type": "string"}
    parts = {"apiVersion": word, "kind": word, "metadata": {"type": "object"}, "spec": spec}
    version: Schema = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _object("spec", **parts, **({"status": status} if status else {}))},
        "additionalPrinterColumns": [{"name": n, "jsonPath": p, "type": t} for n, p, t in columns],
    }
    if status:
        version["subresources"] = {"status": {}}
    names = {
        "categories": ["gateway-api"],
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
        **({"shortNames": [short]} if short else {}),
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{GROUP}",
            "annotations": {"api-approved.kubernetes.io": APPROVAL, f"{GROUP}/channel": "standard"},
        },
        "spec": {
            "group": GROUP,
            "names": names,
            "scope": "Namespaced" if namespaced else "Cluster",
            "versions": [version],
        },
    }
