"""Printers and the reading of manifests against what kubectl itself prints (`tools/record_kubectl.py` records it)."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from minikctl.kubectl import errors, manifest, printers, resolve
from minikctl.kubectl.command import Command, Environment, Invocation
from minikctl.kubectl.flags import bind, scan
from minikctl.kubectl.global_options import GLOBAL_OPTIONS
from minikctl.kubectl.printers import json_out
from minikctl.util.errors import Aggregate, UsageError

DATA = Path(__file__).parent / "data"
CUT = "Printing more information for debugging the template:"
OPTIONS = (*printers.PRINT_OPTIONS, *manifest.FILENAME_OPTIONS, *GLOBAL_OPTIONS)


@cache
def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text("utf-8"))
    return loaded


def invocation(argv: list[str], cwd: Path) -> tuple[Invocation, io.StringIO]:
    out = io.StringIO()
    parsed, _ = scan(OPTIONS, argv)
    env = Environment(stdin=io.StringIO(), stdout=out, stderr=io.StringIO(), environ={}, cwd=cwd)
    command = Command("label", "", lambda _call: 0)
    return Invocation(command, "kubectl label", env, bind(OPTIONS, parsed.flags), []), out


def labelled(obj: dict[str, Any]) -> dict[str, Any]:
    """The object as the recording labelled it."""
    metadata = obj.get("metadata") or {}
    return {**obj, "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), "recorded": "yes"}}}


def wanted(case: dict[str, Any]) -> tuple[int, str, str]:
    return case["code"], case["out"], case["err"]


def cut(case: dict[str, Any], text: str) -> str:
    head, sign, _ = text.partition(CUT)
    return text if case.get("whole") else head + sign


RECORDED = [
    pytest.param(name, i, id=f"{name}-{' '.join(case['args'])}"[:80])
    for name in ("documents", "line_breaks", "gotemplate", "jsonpath")
    for i, case in enumerate(load(name)["cases"])
]


@pytest.mark.parametrize(("name", "index"), RECORDED)
def test_printed_as_by_kubectl(name: str, index: int, tmp_path: Path) -> None:
    data = load(name)
    case = data["cases"][index]
    call, out = invocation(case["args"], tmp_path)
    code, err = 0, ""
    try:
        (obj,) = manifest.parse_stream(json.dumps(data["object"]))
        printers.printer(call, "labeled")(labelled(obj), None)
    except UsageError as e:
        code, err = 1, errors.line(e)
    assert (code, cut(case, out.getvalue()), cut(case, err)) == wanted(case)


MANIFESTS = load("manifests")["cases"]


@pytest.mark.parametrize("case", MANIFESTS, ids=[repr(c["text"][-40:]) for c in MANIFESTS])
def test_read_as_by_kubectl(case: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_bytes(case["text"].encode("utf-8", "surrogatepass"))
    call, _ = invocation(["-f", "case.yaml"], tmp_path)
    out, problems = "", []
    try:
        found = manifest.read(call, ["case.yaml"])
        resolved = resolve.from_documents(call, found, default_namespace=False, require_namespace=False, local=True)
        out = "".join(json_out.dumps(labelled(t.obj)) + "\n" for t in resolved.targets if t.obj is not None)
        problems = resolved.errors
    except UsageError as e:
        problems = [e]
    err = errors.line(Aggregate(problems)) if problems else ""
    assert (1 if err else 0, out, err) == wanted(case)
