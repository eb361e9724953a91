"""Which Ingresses and IngressClasses are valid. Source: Kubernetes `pkg/apis/networking/validation`."""

from __future__ import annotations

import re

from minikctl.api.errors import field_forbidden, field_invalid, field_not_supported, field_required, field_too_long
from minikctl.api.meta import Obj, annotations_of
from minikctl.api.names import dns_label, dns_subdomain, path_segment, port_name, port_number
from minikctl.api.validation import net, ports
from minikctl.api.validation.common import Errors, all_invalid, immutable

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
PATH_TYPES = ["Exact", "ImplementationSpecific", "Prefix"]
_BAD_SEQUENCES = ("//", "/./", "/../", "%2f", "%2F")
_BAD_ENDS = ("/..", "/.")
_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_WILDCARD = rf"\*\.{_SUBDOMAIN}"
_WILDCARD_MESSAGE = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower "
    "case alphanumeric characters, '-' or '.' and end with an alphanumeric character "
    f"(e.g. '*.example.com', regex used for validation is '{_WILDCARD}')"
)
_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
MAX_CONTROLLER = 250


def validate(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    rules, backend, chosen = spec.get("rules") or [], spec.get("defaultBackend"), spec.get("ingressClassName")
    errors: Errors = []
    if not rules and backend is None:
        errors.append(field_invalid("spec", rules, "either `defaultBackend` or `rules` must be specified"))
    if backend is not None:
        errors += _backend(backend, "spec.defaultBackend")
    for i, rule in enumerate(rules):
        errors += _rule(rule, f"spec.rules[{i}]")
    for i, tls in enumerate(spec.get("tls") or []):
        errors += _tls(tls, f"spec.tls[{i}]")
    if chosen is not None:
        errors += all_invalid(dns_subdomain, chosen, "spec.ingressClassName")
    annotation = annotations_of(obj).get(CLASS_ANNOTATION)
    if annotation is not None and chosen is not None and "resourceVersion" not in obj["metadata"]:
        why = "can not be set when the class field is also set"
        errors.append(field_invalid(f"annotations.{CLASS_ANNOTATION}", annotation, why))
    return errors


def _host(host: str, path: str) -> Errors:
    if "*" in host:
        return [] if re.fullmatch(_WILDCARD, host) else [field_invalid(path, host, _WILDCARD_MESSAGE)]
    return all_invalid(dns_subdomain, host, path)


def _rule(rule: Obj, at: str) -> Errors:
    host, http = rule.get("host") or "", rule.get("http")
    errors: Errors = []
    if host:
        if net.parse(host) is not None:
            errors.append(field_invalid(f"{at}.host", host, "must be a DNS name, not an IP address"))
        errors += _host(host, f"{at}.host")
    if http is None:
        return errors
    if not http.get("paths"):
        errors.append(field_required(f"{at}.http.paths"))
    for i, path in enumerate(http.get("paths") or []):
        errors += _path(path, f"{at}.http.paths[{i}]")
    return errors


def _path(entry: Obj, at: str) -> Errors:
    kind, path = entry.get("pathType"), entry.get("path") or ""
    errors: Errors = []
    if kind is None:
        return [field_required(f"{at}.pathType", "pathType must be specified")]
    if kind in ("Exact", "Prefix"):
        if not path.startswith("/"):
            errors.append(field_invalid(f"{at}.path", path, "must be an absolute path"))
        errors += [field_invalid(f"{at}.path", path, f"must not contain '{s}'") for s in _BAD_SEQUENCES if s in path]
        errors += [field_invalid(f"{at}.path", path, f"cannot end with '{s}'") for s in _BAD_ENDS if path.endswith(s)]
    elif kind == "ImplementationSpecific":
        if path and not path.startswith("/"):
            errors.append(field_invalid(f"{at}.path", path, "must be an absolute path"))
    else:
        errors.append(field_not_supported(f"{at}.pathType", kind, PATH_TYPES))
    return errors + _backend(entry.get("backend") or {}, f"{at}.backend")


def _backend(backend: Obj, at: str) -> Errors:
    resource, service = backend.get("resource"), backend.get("service")
    if resource is not None and service is not None:
        return [field_invalid(at, "", "cannot set both resource and service backends")]
    if resource is not None:
        return _resource(resource, f"{at}.resource")
    if service is None:
        return [field_invalid(at, "", "resource or service backend is required")]
    name, port = service.get("name") or "", service.get("port") or {}
    errors: Errors = all_invalid(dns_label, name, f"{at}.service.name")
    if not name:
        errors = [field_required(f"{at}.service.name")]
    if port.get("name") and port.get("number"):
        errors.append(field_invalid(at, "", "cannot set both port name & port number"))
    elif port.get("name"):
        errors += all_invalid(port_name, port["name"], f"{at}.service.port.name")
    elif port.get("number"):
        number = port["number"]
        errors += [field_invalid(f"{at}.service.port.number", number, m) for m in port_number(number)]
    else:
        errors.append(field_required(at, "port name or number is required"))
    return errors


def _resource(ref: Obj, at: str) -> Errors:
    errors: Errors = []
    group = ref.get("apiGroup") or ""
    if group:
        errors += all_invalid(dns_subdomain, group, f"{at}.apiGroup")
    for field in ("kind", "name"):
        value = ref.get(field) or ""
        if value:
            errors += all_invalid(path_segment, value, f"{at}.{field}")
        else:
            errors.append(field_required(f"{at}.{field}"))
    return errors


def _tls(tls: Obj, at: str) -> Errors:
    errors = [e for i, host in enumerate(tls.get("hosts") or []) for e in _host(host, f"{at}.hosts[{i}]")]
    secret = tls.get("secretName") or ""
    return errors + (all_invalid(dns_subdomain, secret, f"{at}.secretName") if secret else [])


def validate_status(obj: Obj) -> Errors:
    """What an ingress controller reports."""
    errors: Errors = []
    balancer = (obj.get("status") or {}).get("loadBalancer") or {}
    for i, ingress in enumerate(balancer.get("ingress") or []):
        at, ip, host = f"status.loadBalancer.ingress[{i}]", ingress.get("ip") or "", ingress.get("hostname") or ""
        errors += net.ip(ip, f"{at}.ip") if ip else []
        errors += all_invalid(dns_subdomain, host, f"{at}.hostname") if host else []
        if host and net.parse(host) is not None:
            errors.append(field_invalid(f"{at}.hostname", host, "must be a DNS name, not an IP address"))
        for n, port in enumerate(ingress.get("ports") or []):
            errors += ports.protocol(port.get("protocol"), f"{at}.ports[{n}].protocol")
    return errors


# ---------------------------------------------------------------------- IngressClass


def domain_prefixed_path(text: str, path: str) -> Errors:
    """`acme.io/foo`."""
    if not text:
        return [field_required(path)]
    host, _, rest = text.partition("/")
    if not host or not rest:
        return [field_invalid(path, text, 'must be a domain-prefixed path (such as "acme.io/foo")')]
    errors: Errors = [field_invalid(path, host, m) for m in dns_subdomain(host)]
    if not re.fullmatch(_HTTP_PATH, rest):
        errors.append(field_invalid(path, rest, f"Invalid path (regex used for validation is '{_HTTP_PATH}')"))
    return errors


def validate_class(obj: Obj) -> Errors:
    spec = obj.get("spec") or {}
    controller = spec.get("controller") or ""
    errors: Errors = []
    if len(controller) > MAX_CONTROLLER:
        errors.append(field_too_long("spec.controller", MAX_CONTROLLER))
    errors += domain_prefixed_path(controller, "spec.controller")
    return errors + (_parameters(spec["parameters"]) if spec.get("parameters") is not None else [])


def _parameters(ref: Obj) -> Errors:
    at = "spec.parameters"
    errors = _resource(ref, at)
    scope, namespace = ref.get("scope"), ref.get("namespace")
    if scope is None:
        return [*errors, field_required(f"{at}.scope")]
    if scope not in ("Cluster", "Namespace"):
        errors.append(field_not_supported(f"{at}.scope", scope, ["Cluster", "Namespace"]))
    elif scope == "Namespace":
        if not namespace:
            errors.append(field_required(f"{at}.namespace", "`parameters.scope` is set to 'Namespace'"))
        else:
            errors += all_invalid(dns_label, namespace, f"{at}.namespace")
    elif namespace is not None:
        errors.append(field_forbidden(f"{at}.namespace", "`parameters.scope` is set to 'Cluster'"))
    return errors


def validate_class_update(obj: Obj, old: Obj) -> Errors:
    now, before = (o.get("spec", {}).get("controller") or "" for o in (obj, old))
    return immutable(now, before, "spec.controller")
