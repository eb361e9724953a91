#!/usr/bin/env python3
"""Record what real kubectl makes of kustomizations into tests/kubectl/data/kustomize.json.

    record_kustomize.py /path/to/kubectl

A case has `files` (path → text, {"base64": …}, or {"shared": name} for one of the data's `shared` texts); the folder `k`
is built. This fills in `code`, `out` and `err`; the folder that it all happened in is written as {root}.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "tests" / "kubectl" / "data" / "kustomize.json"


def write(folder: Path, files: dict[str, Any], shared: dict[str, str]) -> None:
    """The files of a case, below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            data = base64.b64decode(content["base64"]) if "base64" in content else shared[content["shared"]].encode()
        else:
            data = content.encode()
        path.write_bytes(data)


def record(kubectl: str, case: dict[str, Any], shared: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        write(folder, case["files"], shared)
        done = subprocess.run([kubectl, "kustomize", "k"], capture_output=True, cwd=folder)
        case["code"] = done.returncode
        for key, value in (("out", done.stdout), ("err", done.stderr)):
            case[key] = value.decode().replace(str(folder), "{root}")


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 1
    data = json.loads(DATA.read_text("utf-8"))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda case: record(sys.argv[1], case, data["shared"]), data["cases"]))
    DATA.write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    print(f"{len(data['cases'])} cases")
    return 0


if __name__ == "__main__":
    sys.exit(main())
