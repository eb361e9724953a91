"""How commands print objects: `-o` and what belongs to it.

A printer is a function (object, kind) that writes to the call's standard output. Tables are `get`'s own (`table.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.kubectl.dry_run import suffix
from minikctl.kubectl.flags import BOOL, STRING, Option
from minikctl.util import go_format
from minikctl.util.errors import UsageError

if TYPE_CHECKING:
    from minikctl.kubectl.command import Invocation

Printer = Callable[[Obj, Kind | None], None]

GO_TEMPLATES = ("go-template", "go-template-file", "template", "templatefile")
JSON_PATHS = ("jsonpath", "jsonpath-as-json", "jsonpath-file")
FORMATS = ("json", "yaml", "kyaml", "name", *GO_TEMPLATES, *JSON_PATHS)

SHOW_MANAGED_FIELDS = Option(
    "show-managed-fields", BOOL, help="Keep metadata.managedFields when objects are printed as JSON or YAML."
)
ALLOW_MISSING = Option(
    "allow-missing-template-keys",
    BOOL,
    default=True,
    help="A field that is missing is no error in a template (go-template and jsonpath only).",
)
TEMPLATE = Option(
    "template",
    STRING,
    help="Template, or path of one, for -o=go-template and -o=go-template-file. "
    "The format is Go's [http://golang.org/pkg/text/template/#pkg-overview].",
)
PRINT_OPTIONS: tuple[Option, ...] = (
    ALLOW_MISSING,
    Option("output", STRING, short="o", help=f"Output format. One of: ({', '.join(FORMATS)}).", complete=FORMATS),
    SHOW_MANAGED_FIELDS,
    TEMPLATE,
)


def printer(call: Invocation, operation: str = "", *, dry_run: str = "none", typed: bool = False) -> Printer:
    """The printer that `-o` and `--template` ask for. Raises UsageError for a format that is none.

    Without `-o`: one line, `deployment.apps/web created (dry run)`. typed: print the object as Go's struct of its type
    would be (zero values that are always written, fields in declaration order).
    """
    wanted = call.flags.get("output") or ""
    if not call.flags.changed("output") and call.flags.get("template"):
        wanted = "go-template"
    found = data_printer(call, wanted)
    if found is None and wanted.lower() in ("", "name"):
        found = name_printer(call, "" if wanted else operation + suffix(dry_run))
    if found is None:
        raise unknown_format(wanted, FORMATS)
    return _typed(found) if typed else found


def unknown_format(wanted: str, allowed: tuple[str, ...]) -> UsageError:
    """No printer is called like that."""
    return UsageError(
        f"unable to match a printer suitable for the output format {go_format.quote(wanted)}, "
        f"allowed formats are: {','.join(sorted(allowed))}"
    )


def data_printer(call: Invocation, wanted: str) -> Printer | None:
    """The printer of a format that shows the object itself; None when `wanted` is another format."""
    lower = wanted.lower()
    if lower in ("json", "yaml", "kyaml"):
        return _document_printer(call, lower)
    head = wanted.partition("=")[0]
    if head in JSON_PATHS:
        return _jsonpath_printer(call, head, _template(call, wanted, head))
    if head in GO_TEMPLATES:
        return _template_printer(call, head, _template(call, wanted, head))
    return None


def _template(call: Invocation, wanted: str, head: str) -> str:
    given: str = call.flags.get("template") or wanted[len(head) + 1 :]
    if not given:
        raise UsageError("template format specified but no template given")
    return given


def _read(call: Invocation, path: str) -> str:
    try:
        return Path(call.env.cwd, path).read_bytes().decode("utf-8", "replace")
    except OSError as e:
        reason = os.strerror(e.errno or 0).lower()
        raise UsageError(f"error reading --template {path}, open {path}: {reason}") from None


# ---------------------------------------------------------------------- formats


def _document_printer(call: Invocation, form: str) -> Printer:
    keep = bool(call.flags.get("show-managed-fields"))
    dumps: Callable[[Any], str]
    if form == "yaml":
        from minikctl.kubectl.printers.yaml_out import dumps
    elif form == "kyaml":
        from minikctl.kubectl.printers.kyaml import dumps
    else:
        from minikctl.kubectl.printers import json_out

        def dumps(value: Any) -> str:
            return json_out.dumps(value, sort_keys=not isinstance(value, Typed)) + "\n"

    printed = 0

    def show(obj: Obj, _kind: Kind | None = None) -> None:
        nonlocal printed
        printed += 1
        if form == "yaml" and printed > 1:
            call.out("---")
        call.out(dumps(obj if keep else without_managed_fields(obj)), end="")

    return show


class Typed(dict[str, Any]):
    """An object whose keys stand in Go's order already."""


def without_managed_fields(obj: Obj) -> Obj:
    """The object, or list of objects, without metadata.managedFields; copies by path."""
    items = obj.get("items")
    if isinstance(items, list):
        return type(obj)({**obj, "items": [without_managed_fields(i) if isinstance(i, dict) else i for i in items]})
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return obj
    return type(obj)({**obj, "metadata": {k: v for k, v in metadata.items() if k != "managedFields"}})


def name_printer(call: Invocation, operation: str = "") -> Printer:
    """`deployment.apps/web created`; of a list one line an item."""

    def show(obj: Obj, kind: Kind | None = None) -> None:
        if isinstance(obj.get("items"), list) and str(obj.get("kind", "")).endswith("List"):
            for item in obj["items"]:
                show(item, None)
            return
        call.out(object_name(obj, kind) + (f" {operation}" if operation else ""))

    return show


def object_name(obj: Obj, kind: Kind | None = None) -> str:
    """`deployment.apps/web`, from the object's own apiVersion and kind where it has them."""
    api_version, name = obj.get("apiVersion"), (obj.get("metadata") or {}).get("name") or "<unknown>"
    word = obj.get("kind") or (kind.kind if kind else "")
    group = str(api_version).rpartition("/")[0] if api_version else (kind.group if kind else "")
    return f"{word.lower()}.{group}/{name}" if group else f"{word.lower()}/{name}"


def _jsonpath_printer(call: Invocation, head: str, text: str) -> Printer:
    from minikctl.kubectl.printers.jsonpath import JSONPath, JSONPathError

    if head == "jsonpath-file":
        text = _read(call, text)
    try:
        path = JSONPath(text, allow_missing=call.flags.get("allow-missing-template-keys", True))
    except JSONPathError as e:
        raise UsageError(f"error parsing jsonpath {text}, {e}") from None

    def show(obj: Obj, _kind: Kind | None = None) -> None:
        try:
            call.out(path.text_of(obj, as_json=head == "jsonpath-as-json"), end="")
        except JSONPathError as e:
            raise UsageError(
                f"error executing jsonpath {go_format.quote(text)}: Error executing template: {e}. "
                "Printing more information for debugging the template:\n"
                f"\ttemplate was:\n\t\t{text}\n\tobject given to jsonpath engine was:\n\t\t{go_format.syntax(obj)}\n\n\n"
            ) from None

    return show


def _template_printer(call: Invocation, head: str, text: str) -> Printer:
    from minikctl.kubectl import gotemplate

    if head in ("go-template-file", "templatefile"):
        text = _read(call, text)
    try:
        template = gotemplate.parse("output", text)
    except gotemplate.TemplateError as e:
        raise UsageError(f"error parsing template {text}, {e}") from None
    missing_is_error = not call.flags.get("allow-missing-template-keys", True)

    def show(obj: Obj, _kind: Kind | None = None) -> None:
        from minikctl.kubectl.printers.json_out import compact

        try:
            template.execute(obj, call.env.stdout.write, missing_is_error=missing_is_error)
        except gotemplate.TemplateError as e:
            call.out(
                f"Error executing template: {e}. Printing more information for debugging the template:\n"
                f"\ttemplate was:\n\t\t{text}\n\traw data was:\n\t\t{compact(obj)}\n"
                f"\tobject given to template engine was:\n\t\t{go_format.sprint(obj)}\n"
            )
            raise UsageError(f"error executing template {go_format.quote(text)}: {e}") from None

    return show


def _typed(inner: Printer) -> Printer:
    from minikctl.api import schema

    def show(obj: Obj, kind: Kind | None = None) -> None:
        if kind is not None and kind.type and schema.exists(kind.type):
            head = {"kind": obj.get("kind") or kind.kind, "apiVersion": obj.get("apiVersion") or kind.api_version}
            body = schema.decode(kind.type, obj).value
            obj = Typed({**head, **{k: v for k, v in body.items() if k not in head}})
        inner(obj, kind)

    return show
