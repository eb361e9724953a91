"""`kubectl api-resources`: what the server has.

Source: kubectl `pkg/cmd/apiresources/apiresources.go`.
"""

from __future__ import annotations

from collections.abc import Mapping

from minikctl.api.kind import Kind
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, LIST, STRING, Option
from minikctl.kubectl.printers import SHOW_MANAGED_FIELDS, unknown_format
from minikctl.kubectl.printers.columns import render
from minikctl.util.errors import UsageError

FORMATS = ("json", "yaml", "kyaml", "name", "wide")
HEADERS = ("NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND")
WIDE_HEADERS = (*HEADERS, "VERBS", "CATEGORIES")

OPTIONS = (
    Option("api-group", STRING, help="Only resources of this API group."),
    Option("cached", BOOL, help="Use what is known from earlier, where it is."),
    Option("categories", LIST, help="Only resources that belong to these categories."),
    Option("namespaced", BOOL, default=True, help="Only resources that live in namespaces, or (false) only others."),
    Option("no-headers", BOOL, help="Leave out the headers."),
    Option("output", STRING, short="o", help=f"Output format. One of: ({', '.join(FORMATS)}).", complete=FORMATS),
    SHOW_MANAGED_FIELDS,
    Option("sort-by", STRING, help="Sort by name or kind.", complete=("name", "kind")),
    Option("verbs", LIST, help="Only resources that can do all of these."),
)


def run(call: Invocation) -> None:
    """Raises UsageError."""
    if call.args:
        raise call.usage_error(f"unexpected arguments: [{' '.join(call.args)}]")
    order, output = call.flags.sort_by, call.flags.output
    if order not in ("", "name", "kind"):
        raise UsageError("--sort-by accepts only name or kind")
    if output not in ("", *FORMATS):
        raise unknown_format(output, FORMATS)
    known = sorted(call.client.kinds(), key=lambda k: k.conversion is None)
    preferred = {k.resource: k for k in known}
    found = [k for k in preferred.values() if _wanted(call, k)]
    found.sort(key=lambda k: (k.kind if order == "kind" else k.plural if order == "name" else k.group, k.plural))
    if output in ("json", "yaml", "kyaml"):
        _as_data(call, found)
        return
    if output == "name":
        call.out("".join(f"{k.resource}\n" for k in found), end="")
        return
    wide = output == "wide"
    rows = [] if call.flags.no_headers else [list(WIDE_HEADERS if wide else HEADERS)]
    call.out(render(rows + [_row(k, wide) for k in found]), end="")


def _wanted(call: Invocation, kind: Kind) -> bool:
    flags = call.flags
    if flags.changed("api-group") and kind.group != flags.api_group:
        return False
    if flags.changed("namespaced") and kind.namespaced != flags.namespaced:
        return False
    return set(flags.verbs) <= set(kind.verbs) and set(flags.categories) <= set(kind.categories)


def _row(kind: Kind, wide: bool) -> list[str]:
    short = ",".join(kind.short_names)
    row = [kind.plural, short, kind.api_version, "true" if kind.namespaced else "false", kind.kind]
    return [*row, ",".join(sorted(kind.verbs)), ",".join(kind.categories)] if wide else row


def _as_data(call: Invocation, found: list[Kind]) -> None:
    from minikctl.kubectl.printers import Typed, data_printer

    resources = []
    for kind in found:
        resource = {"name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced}
        optional = {"group": kind.group, "version": kind.version}
        rest = {"kind": kind.kind, "verbs": sorted(kind.verbs)}
        names = {"shortNames": list(kind.short_names), "categories": list(kind.categories)}
        resources.append({**resource, **_given(optional), **rest, **_given(names)})
    show = data_printer(call, call.flags.output)
    assert show is not None
    body = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "", "resources": resources or None}
    show(Typed(body), None)


def _given(fields: Mapping[str, object]) -> dict[str, object]:
    return {k: v for k, v in fields.items() if v}


COMMAND = Command(
    "api-resources",
    "Print the supported API resources on the server",
    run,
    OPTIONS,
    use="api-resources [flags]",
    description="Print the supported API resources on the server.",
    examples=(
        ("All resources", "kubectl api-resources"),
        ("All resources and more about them", "kubectl api-resources -o wide"),
        ("All resources, sorted by a column", "kubectl api-resources --sort-by=name"),
        ("Those that live in namespaces", "kubectl api-resources --namespaced=true"),
        ("Those that do not", "kubectl api-resources --namespaced=false"),
        ("Those of one API group", "kubectl api-resources --api-group=rbac.authorization.k8s.io"),
    ),
)
