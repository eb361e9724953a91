#!/usr/bin/env python3
"""Record what real kubectl prints into tests/kubectl/data/*.json.

    record_kubectl.py /path/to/kubectl [FILE…]

A data file holds cases with their inputs; this fills in `code`, `out` and `err`. No server is needed: everything is
asked of `kubectl label --local`, which reads any manifest and prints it in any format. To add a case, write its input
and record again. Two kinds of files:

* `{"object": …, "cases": [{"args": ["-o", "yaml"]}, …]}`: one object, printed in many ways;
* `{"cases": [{"text": …}, …]}`: many manifests, printed as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "tests" / "kubectl" / "data"
LABEL = "recorded=yes"
CUT = "Printing more information for debugging the template:"
"""Behind this, kubectl prints the whole object; what stands there is recorded for cases with `whole` only."""


def ask(kubectl: str, folder: Path, name: str, args: list[str]) -> dict[str, Any]:
    done = subprocess.run([kubectl, "label", "--local", "-f", name, LABEL, *args], capture_output=True, cwd=folder)
    return {"code": done.returncode, "out": done.stdout.decode(), "err": done.stderr.decode()}


def record(kubectl: str, path: Path) -> None:
    data = json.loads(path.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(4) as pool:
        folder = Path(temporary)
        if "object" in data:
            (folder / "object.json").write_text(json.dumps(data["object"]))
        jobs = []
        for i, case in enumerate(data["cases"]):
            name = "object.json"
            if "text" in case:
                name = f"{i}.yaml"
                (folder / name).write_bytes(case["text"].encode("utf-8", "surrogatepass"))
            jobs.append(pool.submit(ask, kubectl, folder, name, case.get("args", ["-o", "json"])))
        for i, (case, job) in enumerate(zip(data["cases"], jobs, strict=True)):
            for key, value in job.result().items():
                if isinstance(value, str):
                    value = value.replace(f"{i}.yaml", "case.yaml")
                    head, cut, _ = value.partition(CUT)
                    value = value if case.get("whole") else head + cut
                case[key] = value
    path.write_text(json.dumps(data, indent=1, ensure_ascii=True) + "\n", "utf-8")
    print(f"{path.name}: {len(data['cases'])} cases")


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__)
        return 1
    for path in [Path(p) for p in sys.argv[2:]] or sorted(DATA.glob("*.json")):
        record(sys.argv[1], path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
