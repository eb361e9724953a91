"""How commands print: formats, dry runs, typed objects, tables, what the path of `get` costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minikctl.api.kinds import by_gvk
from minikctl.kubectl import printers
from minikctl.kubectl.printers.columns import render
from minikctl.kubectl.printers.custom_columns import relaxed
from minikctl.kubectl.printers.table import TableOptions, TableWriter, cell_text
from minikctl.kubectl.sorting import sort_by
from minikctl.util.errors import UsageError
from tests.kubectl.test_recorded import invocation

DEPLOYMENT = by_gvk("apps", "v1", "Deployment")
WEB: dict[str, Any] = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
LISTING: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [WEB, {"kind": "Pod", "metadata": {"name": "p"}}],
}


def shown(argv: list[str], obj: dict[str, Any], **options: Any) -> str:
    call, out = invocation(argv, Path("/"))
    printers.printer(call, "created", **options)(obj, DEPLOYMENT)
    return out.getvalue()


@pytest.mark.parametrize(
    ("argv", "options", "text"),
    [
        ([], {}, "deployment.apps/web created\n"),
        ([], {"dry_run": "client"}, "deployment.apps/web created (dry run)\n"),
        ([], {"dry_run": "server"}, "deployment.apps/web created (server dry run)\n"),
        (["-o", "name"], {"dry_run": "server"}, "deployment.apps/web\n"),
        (["-o", "NAME"], {}, "deployment.apps/web\n"),
        (["-o", "jsonpath={.kind}"], {}, "Deployment"),
        (["--template", "{{.kind}}"], {}, "Deployment"),
        (["-o", "template={{.kind}}"], {}, "Deployment"),
    ],
)
def test_formats(argv: list[str], options: dict[str, Any], text: str) -> None:
    assert shown(argv, WEB, **options) == text


def test_kinds_of_objects_that_do_not_say_it() -> None:
    assert shown([], {"metadata": {"name": "web"}}) == "deployment.apps/web created\n"
    assert shown(["-o", "name"], LISTING) == "deployment.apps/web\npod/p\n"


def test_documents_are_parted() -> None:
    call, out = invocation(["-o", "yaml"], Path("/"))
    show = printers.printer(call)
    for name in ("a", "b"):
        show({"metadata": {"name": name}}, None)
    assert out.getvalue() == "metadata:\n  name: a\n---\nmetadata:\n  name: b\n"


def test_typed_objects_look_like_structs() -> None:
    text = shown(["-o", "json"], WEB, typed=True)
    assert text.index('"kind"') < text.index('"apiVersion"') < text.index('"metadata"') < text.index('"spec"')
    assert '"selector": null' in text and '"strategy": {}' in text and '"status": {}' in text
    assert "status: {}\n" in shown(["-o", "yaml"], WEB, typed=True)


def test_managed_fields() -> None:
    obj = {**WEB, "metadata": {"name": "web", "managedFields": []}}
    assert "managedFields" not in shown(["-o", "json"], obj)
    assert "managedFields" in shown(["-o", "json", "--show-managed-fields"], obj)
    assert "managedFields" not in shown(["-o", "yaml"], {"kind": "List", "items": [obj]})
    assert "managedFields" in obj["metadata"], "the object itself is shared and stays as it is"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["-o", "xml"],
            'unable to match a printer suitable for the output format "xml", allowed formats are: go-template,',
        ),
        (["-o", "jsonpath="], "template format specified but no template given"),
        (["-o", "go-template"], "template format specified but no template given"),
        (["-o", "jsonpath-file=/nope/x"], "error reading --template /nope/x, open /nope/x: no such file or directory"),
        (["-o", "jsonpath={.a"], "error parsing jsonpath {.a, unclosed action"),
        (["-o", "go-template={{x}}"], 'error parsing template {{x}}, template: output:1: function "x" not defined'),
    ],
)
def test_refused(argv: list[str], message: str) -> None:
    call, _ = invocation(argv, Path("/"))
    with pytest.raises(UsageError) as raised:
        printers.printer(call)
    assert raised.value.message.startswith(message)


# ---------------------------------------------------------------------- tables

COLUMNS = [
    {"name": "Name", "type": "string", "format": "name", "priority": 0},
    {"name": "Ready", "type": "string", "priority": 0},
    {"name": "Node", "type": "string", "priority": 1},
]


def table(*rows: tuple[list[Any], dict[str, Any]]) -> dict[str, Any]:
    return {"columnDefinitions": COLUMNS, "rows": [{"cells": c, "object": {"metadata": m}} for c, m in rows]}


ONE = table((["web", "1/1", "node-1"], {"namespace": "shop", "labels": {"b": "2", "a": "1"}}))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "NAME   READY\nweb    1/1\n"),
        ({"wide": True}, "NAME   READY   NODE\nweb    1/1     node-1\n"),
        ({"no_headers": True}, "web   1/1\n"),
        ({"with_kind": True}, "NAME                  READY\ndeployment.apps/web   1/1\n"),
        ({"with_namespace": True}, "NAMESPACE   NAME   READY\nshop        web    1/1\n"),
        ({"show_labels": True}, "NAME   READY   LABELS\nweb    1/1     a=1,b=2\n"),
        ({"label_columns": ("a", "x.io/nope")}, "NAME   READY   A     NOPE\nweb    1/1     1     \n"),
    ],
)
def test_table_options(options: dict[str, Any], text: str) -> None:
    assert TableWriter(TableOptions(**options), DEPLOYMENT).text([(ONE, "")]) == text


def test_headers_once_and_columns_that_never_shrink() -> None:
    writer = TableWriter(TableOptions())
    assert writer.text([(table(), "")]) == ""
    assert writer.text([(table((["a-long-name", "1/1", ""], {})), "ADDED")]) == (
        "EVENT      NAME          READY\nADDED      a-long-name   1/1\n"
    )
    assert writer.text([(table((["b", "0/1", ""], {})), "MODIFIED")]) == "MODIFIED   b             0/1\n"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("a\nb", "a..."),
        ("\x1b[31mred", "^[[31mred"),
        (None, ""),
        (True, "true"),
        (3, "3"),
        (1.5, "1.5"),
        (["a"], "[a]"),
    ],
)
def test_cells(cell: Any, text: str) -> None:
    assert cell_text(cell) == text


def test_columns_have_a_least_width() -> None:
    assert render([["A", "B", "C"], ["", "long", "x"]]) == "A     B      C\n      long   x\n"
    assert render([]) == ""


@pytest.mark.parametrize("path", ["a.b", ".a.b", "{a.b}", "{.a.b}"])
def test_relaxed_paths(path: str) -> None:
    assert relaxed(path) == "{.a.b}"


@pytest.mark.parametrize(
    ("values", "order"),
    [
        ([3, 1, 2], [1, 2, 3]),
        (["b", "a"], ["a", "b"]),
        (["1Gi", "100Mi"], ["100Mi", "1Gi"]),
        (["10", "9"], ["9", "10"]),
        ([2, None, 1], [None, 1, 2]),
        (list(range(40, 0, -1)), list(range(1, 41))),
    ],
)
def test_sorting(values: list[Any], order: list[Any]) -> None:
    assert sort_by(values, ".v", lambda v: {"v": v}) == order


@pytest.mark.parametrize("values", [[True, False], [{}, {}], [[1], [2]], [1, "a"]])
def test_what_cannot_be_sorted(values: list[Any]) -> None:
    with pytest.raises(UsageError, match="unsortable"):
        sort_by(values, ".v", lambda v: {"v": v})


# ---------------------------------------------------------------------- cost

IMPORTS = """
import io, sys
from pathlib import Path
from minikctl.apiserver.server import APIServer
from minikctl.cli import run
from minikctl.client.local import LocalClient
from minikctl.kubectl.command import Environment
from minikctl.kubectl.connection import Connection
from minikctl.store import Store
client = LocalClient(APIServer(Store(sys.argv[1])))
out = io.StringIO()
code = run(["get", "pods"], Environment(stdout=out, stderr=out, connect=lambda _call: Connection(client)))
heavy = {"yaml", "tabulate", "watchdog", "asyncio", "ssl", "http.client", "logging", "multiprocessing", "ctypes"}
print(code, sorted(heavy & sys.modules.keys()))
"""


def test_get_imports_nothing_heavy(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS, str(tmp_path)], capture_output=True, text=True, timeout=30)
    assert done.stdout == "0 []\n", done.stderr
