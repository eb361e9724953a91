"""Which webhook configurations are valid, and the rules that admission policies share with them.

Source: Kubernetes `pkg/apis/admissionregistration/validation`, apiserver `pkg/util/webhook/validation.go`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from minikctl.api.errors import field_duplicate, field_invalid, field_not_supported, field_required
from minikctl.api.meta import Obj
from minikctl.api.names import dns_1035_label, dns_subdomain, port_number
from minikctl.api.policy import expressions
from minikctl.api.validation import label_selector
from minikctl.api.validation.common import Errors

OPERATIONS = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"]
SCOPES = ["*", "Cluster", "Namespaced"]
FAILURE_POLICIES = ["Fail", "Ignore"]
MATCH_POLICIES = ["Equivalent", "Exact"]
SIDE_EFFECTS = ["None", "NoneOnDryRun"]
REVIEW_VERSIONS = ("v1", "v1beta1")
_VARIABLES = expressions.types(policy=False)
_URL_FORM = "; desired format: https://host[/path]"


# ---------------------------------------------------------------------- defaults


def default_rules(rules: list[Obj] | None) -> None:
    for rule in rules or []:
        if rule.get("scope") is None:
            rule["scope"] = "*"


def default_webhooks(obj: Obj, *, mutating: bool) -> None:
    for webhook in obj.get("webhooks") or []:
        webhook.setdefault("failurePolicy", "Fail")
        webhook.setdefault("matchPolicy", "Equivalent")
        webhook.setdefault("namespaceSelector", {})
        webhook.setdefault("objectSelector", {})
        webhook.setdefault("timeoutSeconds", 10)
        if mutating:
            webhook.setdefault("reinvocationPolicy", "Never")
        service = (webhook.get("clientConfig") or {}).get("service")
        if service is not None:
            service.setdefault("port", 443)
        default_rules(webhook.get("rules"))


# ---------------------------------------------------------------------- parts


def supported(value: str | None, choices: list[str], path: str) -> Errors:
    """A word that may be missing."""
    return [field_not_supported(path, value, choices)] if value is not None and value not in choices else []


def fully_qualified_name(name: str, path: str) -> Errors:
    if not name:
        return [field_required(path)]
    problems = dns_subdomain(name)
    if problems:
        return [field_invalid(path, name, ",".join(problems))]
    if name.count(".") < 2:
        return [field_invalid(path, name, "should be a domain with at least three segments separated by dots")]
    return []


def client_config(config: Obj, at: str) -> Errors:
    """How a webhook is reached: by URL or through a Service."""
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        return [field_required(at, "exactly one of url or service is required")]
    return _url(url, f"{at}.url") if url is not None else _service(service or {}, f"{at}.service")


def _url(url: str, path: str) -> Errors:
    try:
        parts = urlsplit(url)
        user = parts.username
    except ValueError as e:
        return [field_required(path, f"url must be a valid URL: {e}{_URL_FORM}")]
    errors: Errors = []
    if parts.scheme != "https":
        errors.append(field_invalid(path, parts.scheme, f"'https' is the only allowed URL scheme{_URL_FORM}"))
    if not parts.netloc:
        errors.append(field_invalid(path, "", f"host must be specified{_URL_FORM}"))
    if user is not None:
        shown = parts.netloc.rsplit("@", 1)[0]
        errors.append(field_invalid(path, shown, "user information is not permitted in the URL"))
    if parts.fragment:
        errors.append(field_invalid(path, parts.fragment, "fragments are not permitted in the URL"))
    if parts.query:
        errors.append(field_invalid(path, parts.query, "query parameters are not permitted in the URL"))
    return errors


def _service(service: Obj, at: str) -> Errors:
    errors: Errors = [field_required(f"{at}.{field}") for field in ("name", "namespace") if not service.get(field)]
    port, path = service.get("port", 443), service.get("path")
    problems = port_number(port)
    if problems:
        errors.append(field_invalid(f"{at}.port", port, "port is not valid: " + ", ".join(problems)))
    if not path or path == "/":
        return errors
    if not path.startswith("/"):
        errors.append(field_invalid(f"{at}.path", path, "must start with a '/'"))
    for i, step in enumerate(path[1:].removesuffix("/").split("/")):
        if not step:
            errors.append(field_invalid(f"{at}.path", path, f"segment[{i}] may not be empty"))
        else:
            errors += [field_invalid(f"{at}.path", path, f"segment[{i}]: {m}") for m in dns_subdomain(step)]
    return errors


def _words(values: list[str], path: str, what: str) -> Errors:
    """A list that must not be empty, in which `*` stands alone."""
    if not values:
        return [field_required(path)]
    if "*" in values and len(values) > 1:
        return [field_invalid(path, values, f"if '*' is present, must not specify other {what}")]
    return []


def rule(entry: Obj, at: str) -> Errors:
    """Which requests are meant."""
    operations = entry.get("operations") or []
    errors = _words(operations, f"{at}.operations", "operations")
    for i, operation in enumerate(operations):
        if operation not in OPERATIONS:
            errors.append(field_not_supported(f"{at}.operations[{i}]", operation, OPERATIONS))
    errors += _words(entry.get("apiGroups") or [], f"{at}.apiGroups", "API groups")
    versions = entry.get("apiVersions") or []
    errors += _words(versions, f"{at}.apiVersions", "API versions")
    errors += [field_required(f"{at}.apiVersions[{i}]") for i, version in enumerate(versions) if not version]
    resources = entry.get("resources") or []
    if not resources:
        errors.append(field_required(f"{at}.resources"))
    elif "*/*" in resources and len(resources) > 1:
        why = "if '*/*' is present, must not specify other resources"
        errors.append(field_invalid(f"{at}.resources", resources, why))
    return errors + supported(entry.get("scope"), SCOPES, f"{at}.scope")


def match_conditions(conditions: list[Obj] | None, at: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for i, condition in enumerate(conditions or []):
        name, path = condition.get("name") or "", f"{at}[{i}]"
        if not name:
            errors.append(field_required(f"{path}.name"))
        elif name in seen:
            errors.append(field_duplicate(f"{path}.name", name))
        seen.add(name)
        if not (condition.get("expression") or "").strip():
            errors.append(field_required(f"{path}.expression"))
    return errors


# ---------------------------------------------------------------------- webhooks


def validate(obj: Obj, *, mutating: bool) -> Errors:
    """A Mutating- or ValidatingWebhookConfiguration."""
    errors: Errors = []
    names: set[str] = set()
    for i, webhook in enumerate(obj.get("webhooks") or []):
        errors += _webhook(webhook, f"webhooks[{i}]", mutating)
        name = webhook.get("name") or ""
        if name and name in names:
            errors.append(field_duplicate(f"webhooks[{i}].name", name))
        names.add(name)
    return errors


def _webhook(webhook: Obj, at: str, mutating: bool) -> Errors:
    errors = fully_qualified_name(webhook.get("name") or "", f"{at}.name")
    for i, entry in enumerate(webhook.get("rules") or []):
        errors += rule(entry, f"{at}.rules[{i}]")
    errors += supported(webhook.get("failurePolicy"), FAILURE_POLICIES, f"{at}.failurePolicy")
    errors += supported(webhook.get("matchPolicy"), MATCH_POLICIES, f"{at}.matchPolicy")
    if webhook.get("sideEffects") is None:
        errors.append(field_required(f"{at}.sideEffects", f"must specify one of {', '.join(SIDE_EFFECTS)}"))
    errors += supported(webhook.get("sideEffects"), SIDE_EFFECTS, f"{at}.sideEffects")
    seconds = webhook.get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= 30:
        why = "the timeout value must be between 1 and 30 seconds"
        errors.append(field_invalid(f"{at}.timeoutSeconds", seconds, why))
    for field in ("namespaceSelector", "objectSelector"):
        errors += label_selector.validate(webhook.get(field), f"{at}.{field}")
    if mutating:
        errors += supported(webhook.get("reinvocationPolicy"), ["IfNeeded", "Never"], f"{at}.reinvocationPolicy")
    errors += client_config(webhook.get("clientConfig") or {}, f"{at}.clientConfig")
    conditions, path = webhook.get("matchConditions"), f"{at}.matchConditions"
    errors += match_conditions(conditions, path) + expressions.of_conditions(conditions, path, _VARIABLES)
    return errors + _review_versions(webhook.get("admissionReviewVersions") or [], f"{at}.admissionReviewVersions")


def _review_versions(versions: list[str], path: str) -> Errors:
    if not versions:
        return [field_required(path, f"must specify one of {', '.join(REVIEW_VERSIONS)}")]
    errors: Errors = []
    for i, version in enumerate(versions):
        if version in versions[:i]:
            errors.append(field_invalid(f"{path}[{i}]", version, "duplicate version"))
            continue
        errors += [field_invalid(f"{path}[{i}]", version, m) for m in dns_1035_label(version)]
    if not set(REVIEW_VERSIONS) & set(versions):
        errors.append(field_invalid(path, versions, f"must include at least one of {', '.join(REVIEW_VERSIONS)}"))
    return errors
