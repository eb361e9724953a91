"""Which names, label keys and label values Kubernetes accepts, with its own explanations.

Source: apimachinery `util/validation`. Every check returns a list of messages, empty when the text is fine.
"""

from __future__ import annotations

import re

from minikctl.api.errors import FieldError, field_invalid, field_too_long
from minikctl.api.meta import Obj

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_QUALIFIED})?"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_ENV_NAME = "[-._a-zA-Z][-._a-zA-Z0-9]*"
_C_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"
_PORT_NAME = re.compile(r"^[-a-z0-9]+$")


def _regex_message(text: str, pattern: str, *examples: str) -> str:
    shown = " or ".join(f"'{e}', " for e in examples).rstrip()
    return f"{text} (e.g. {shown} regex used for validation is '{pattern}')"


SUBDOMAIN_MESSAGE = _regex_message(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character",
    _SUBDOMAIN,
    "example.com",
)
LABEL_MESSAGE = _regex_message(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character",
    _LABEL,
    "my-name",
    "123-abc",
)
LABEL_1035_MESSAGE = _regex_message(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character",
    _LABEL_1035,
    "my-name",
    "abc-123",
)
VALUE_MESSAGE = _regex_message(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character",
    _VALUE,
    "MyValue",
    "my_value",
    "12345",
)
_QUALIFIED_MESSAGE = _regex_message(
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    _QUALIFIED,
    "MyName",
    "my.name",
    "123-abc",
)
CONFIG_KEY_MESSAGE = _regex_message(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    _CONFIG_KEY,
    "key.name",
    "KEY_NAME",
    "key-name",
)
ENV_NAME_MESSAGE = _regex_message(
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', "
    "and must not start with a digit",
    _ENV_NAME,
    "my.env-name",
    "MY_ENV.NAME",
    "MyEnvName1",
)


def _too_long(limit: int) -> str:
    return f"must be no more than {limit} bytes"


def dns_subdomain(text: str) -> list[str]:
    problems = [_too_long(253)] if len(text) > 253 else []
    return problems if re.fullmatch(_SUBDOMAIN, text) else [*problems, SUBDOMAIN_MESSAGE]


def dns_label(text: str) -> list[str]:
    problems = [_too_long(63)] if len(text) > 63 else []
    return problems if re.fullmatch(_LABEL, text) else [*problems, LABEL_MESSAGE]


def dns_1035_label(text: str) -> list[str]:
    problems = [_too_long(63)] if len(text) > 63 else []
    return problems if re.fullmatch(_LABEL_1035, text) else [*problems, LABEL_1035_MESSAGE]


def qualified_name(text: str) -> list[str]:
    """A label or annotation key: `name` or `prefix/name`."""
    parts = text.split("/")
    if len(parts) > 2:
        return [
            f"a qualified name {_QUALIFIED_MESSAGE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    problems = []
    if len(parts) == 2:
        if not parts[0]:
            problems.append("prefix part must be non-empty")
        else:
            problems += [f"prefix part {m}" for m in dns_subdomain(parts[0])]
    if not parts[-1]:
        return [*problems, "name part must be non-empty", f"name part {_QUALIFIED_MESSAGE}"]
    if len(parts[-1]) > 63:
        problems.append(f"name part {_too_long(63)}")
    if not re.fullmatch(_QUALIFIED, parts[-1]):
        problems.append(f"name part {_QUALIFIED_MESSAGE}")
    return problems


def label_value(text: str) -> list[str]:
    problems = [_too_long(63)] if len(text) > 63 else []
    return problems if re.fullmatch(_VALUE, text) else [*problems, VALUE_MESSAGE]


def config_key(text: str) -> list[str]:
    """A key of a ConfigMap or Secret."""
    problems = [_too_long(253)] if len(text) > 253 else []
    if not re.fullmatch(_CONFIG_KEY, text):
        return [*problems, CONFIG_KEY_MESSAGE]
    if text == ".":
        return [*problems, "must not be '.'"]
    if text == "..":
        return [*problems, "must not be '..'"]
    if text.startswith(".."):
        return [*problems, "must not start with '..'"]
    return problems


def env_name(text: str) -> list[str]:
    return [] if re.fullmatch(_ENV_NAME, text) else [ENV_NAME_MESSAGE]


def c_identifier(text: str) -> bool:
    return bool(re.fullmatch(_C_IDENTIFIER, text))


def port_number(value: int) -> list[str]:
    return [] if 1 <= value <= 65535 else ["must be between 1 and 65535, inclusive"]


def port_name(text: str) -> list[str]:
    """The name of a container port (IANA_SVC_NAME)."""
    problems = []
    if len(text) > 15:
        problems.append("must be no more than 15 characters")
    if not _PORT_NAME.match(text):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", text):
        problems.append("must contain at least one letter (a-z)")
    if "--" in text:
        problems.append("must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        problems.append("must not begin or end with a hyphen")
    return problems


def path_segment(text: str) -> list[str]:
    """Names of RBAC objects and the like: anything that can stand in a URL path."""
    if text in (".", ".."):
        return [f"may not be '{text}'"]
    return [f"may not contain '{c}'" for c in "/%" if c in text]


def validate_labels(values: object, field: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for key, value in sorted(values.items()) if isinstance(values, dict) else []:
        errors += [field_invalid(field, key, m) for m in qualified_name(key)]
        errors += [field_invalid(field, value, m) for m in label_value(str(value))]
    return errors


TOTAL_ANNOTATIONS_LIMIT = 256 * 1024


def validate_annotations(values: object, field: str) -> list[FieldError]:
    errors: list[FieldError] = []
    total = 0
    for key, value in sorted(values.items()) if isinstance(values, dict) else []:
        errors += [field_invalid(field, key, m) for m in qualified_name(key.lower())]
        total += len(key.encode()) + len(str(value).encode())
    if total > TOTAL_ANNOTATIONS_LIMIT:
        errors.append(field_too_long(field, TOTAL_ANNOTATIONS_LIMIT))
    return errors


def validate_finalizers(values: list[str], field: str, *, custom: bool = False) -> list[FieldError]:
    """custom: of a custom resource, where a name without a domain is only warned about."""
    errors = []
    for i, text in enumerate(values):
        errors += [field_invalid(f"{field}[{i}]", text, m) for m in qualified_name(text)]
        if not custom and not errors and "/" not in text and text not in _STANDARD_FINALIZERS:
            errors.append(
                field_invalid(
                    f"{field}[{i}]", text, "name is neither a standard finalizer name nor is it fully qualified"
                )
            )
    if "orphan" in values and "foregroundDeletion" in values:
        errors.append(field_invalid(field, values, "finalizer orphan and foregroundDeletion cannot be both set"))
    return errors


_STANDARD_FINALIZERS = {"kubernetes", "orphan", "foregroundDeletion"}


def validate_owner_references(refs: list[Obj], field: str) -> list[FieldError]:
    errors = []
    controllers = [r for r in refs if r.get("controller")]
    for i, ref in enumerate(refs):
        at = f"{field}[{i}]"
        if not ref.get("apiVersion"):
            errors.append(field_invalid(f"{at}.apiVersion", ref.get("apiVersion", ""), "version must not be empty"))
        if not ref.get("kind"):
            errors.append(field_invalid(f"{at}.kind", "", "must not be empty"))
        if not ref.get("name"):
            errors.append(field_invalid(f"{at}.name", "", "must not be empty"))
        if not ref.get("uid"):
            errors.append(field_invalid(f"{at}.uid", "", "must not be empty"))
    if len(controllers) > 1:
        errors.append(
            field_invalid(
                field,
                refs,
                "Only one reference can have Controller set to true. Found "
                f'"true" in references for {controllers[0].get("kind")}/{controllers[0].get("name")} and '
                f"{controllers[1].get('kind')}/{controllers[1].get('name')}",
            )
        )
    return errors
