"""Scripts that write, run twice: by the real kubectl in one namespace, by minikctl on the files in another."""

from __future__ import annotations

import difflib
import json
import re
import shlex
from pathlib import Path

from tests.differential.conftest import Doors, shown
from tests.support.cluster import Result

LEFT, RIGHT = "kk", "mm"
"""The ends of the two namespaces' names: of one length, so that columns stay where they are."""


def run_both(doors: Doors, name: str, script: str, files: dict[str, str]) -> None:
    """Every line of the script does the same on both sides, and leaves the same objects.

    `NS` in lines and files stands for the side's own namespace, which is also a good name for cluster-scoped objects.
    A line may give variables first (`KUBE_EDITOR=… edit cm/a`) and standard input last (`apply -f - < NAME`).
    """
    sides = [f"{name}-{LEFT}", f"{name}-{RIGHT}"]
    for namespace in sides:
        doors.cluster.client.create("namespaces", {"metadata": {"name": namespace}})
        folder = doors.home / namespace
        folder.mkdir()
        for file, text in files.items():
            (folder / file).write_text(text.replace("NS", namespace))
    for line in (x.strip() for x in script.splitlines()):
        if line:
            wanted, got = (_step(doors, namespace, line) for namespace in sides)
            _same(wanted, got, line)
    left, right = (_state(doors, namespace) for namespace in sides)
    for key in {**left, **right}:
        _same(left.get(key, ""), right.get(key, ""), key)


def _same(wanted: str, got: str, what: str) -> None:
    if got != wanted:
        lines = difflib.unified_diff(wanted.splitlines(), got.splitlines(), "kubectl", "minikctl", lineterm="", n=2)
        raise AssertionError("\n".join([what, *lines]))


def _step(doors: Doors, namespace: str, line: str) -> str:
    command, _, source = line.replace("NS", namespace).partition(" < ")
    words = shlex.split(command)
    environ = {}
    while "=" in words[0] and words[0].partition("=")[0].isupper():
        key, _, value = words.pop(0).partition("=")
        environ[key] = value
    folder = doors.home / namespace
    stdin = (folder / source).read_text() if source else ""
    run = _kubectl if namespace.endswith(LEFT) else _minikctl
    return _alike(shown(run(doors, folder, ["-n", namespace, *words], stdin, environ)), namespace)


def _kubectl(doors: Doors, folder: Path, argv: list[str], stdin: str, environ: dict[str, str]) -> Result:
    home = {"HOME": str(doors.home)}  # where kubectl keeps what it has discovered
    return Doors(doors.cluster, doors.url, folder).kubectl(*argv, stdin=stdin, **home, **environ)


def _minikctl(doors: Doors, folder: Path, argv: list[str], stdin: str, environ: dict[str, str]) -> Result:
    return Doors(doors.cluster, doors.url, folder).files(*argv, stdin=stdin, **environ)


def _alike(text: str, namespace: str) -> str:
    """Without what differs between any two runs: names of the side, uids, times, versions, generated names, addresses."""
    text = text.replace(namespace, "NS")
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID", text)
    text = re.sub(r"/tmp/(LIVE|MERGED)-\d+", r"\1", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000", "TIME", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    text = re.sub(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "TIME", text)
    text = re.sub(r'(resourceVersion"?: )"\d+"', r'\1"N"', text)
    text = re.sub(r"CLUSTER-IP +", "CLUSTER-IP ", text)  # as wide as the addresses below it
    text = re.sub(r"10\.96\.\d+\.\d+ *", "ADDRESS ", text)
    text = re.sub(r"((?:nodePort|node-port)\"?: )\d+", r"\1PORT", text)
    text = re.sub(r":3[0-2]\d{3}\b", ":PORT", text)
    if "CLUSTER-IP" in text:  # its column is as wide as the addresses
        text = re.sub(" {2,}", "  ", text)
    text = re.sub(r"\b\d+s\b", "AGE", text)
    # kubectl walks through a map: the resources of a limit come in any order
    text = re.sub(r"(?m)(^Container +\S.*\n){2,}", lambda rows: "".join(sorted(rows[0].splitlines(True))), text)
    return re.sub(r"(/tmp/\S*?)(\w+)-edit-\d+", "EDITED", text)


def _state(doors: Doors, namespace: str) -> dict[str, str]:
    """Every object of the namespace, managed fields included, and the cluster-scoped ones of that name."""
    found: dict[str, str] = {}
    client = doors.cluster.client
    for kind in client.kinds():
        if "list" not in kind.verbs or kind.conversion is not None or kind.plural in ("events",):
            continue
        for obj in client.list(kind, namespace if kind.namespaced else "")["items"]:
            if kind.namespaced or obj["metadata"]["name"].startswith(namespace):
                key = f"{kind.resource}/{obj['metadata']['name']}"
                found[_alike(key, namespace)] = _alike(json.dumps(obj, sort_keys=True, indent=1), namespace)
    return found
