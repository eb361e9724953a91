#!/usr/bin/env python3
"""Record what whole command lines of real kubectl print into tests/kubectl/data/commands.json.

    record_commands.py /path/to/kubectl

The data's `files` lie in the current folder; each case is the words behind `kubectl`. No server is needed: all of them
work on files, or fail before they would ask. This fills in `code`, `out` and `err`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "tests" / "kubectl" / "data" / "commands.json"


def record(kubectl: str, folder: str, argv: list[str]) -> dict[str, Any]:
    done = subprocess.run([kubectl, *argv], capture_output=True, text=True, cwd=folder, env={"HOME": folder}, input="")
    return {"argv": argv, "code": done.returncode, "out": done.stdout, "err": done.stderr}


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 1
    data = json.loads(DATA.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(4) as pool:
        for name, content in data["files"].items():
            Path(folder, name).write_text(content, "utf-8")
        cases = list(pool.map(lambda case: record(sys.argv[1], folder, case["argv"]), data["cases"]))
    lines = ",\n".join(json.dumps(case) for case in cases)
    DATA.write_text(f'{{"files": {json.dumps(data["files"], indent=1)},\n"cases": [\n{lines}\n]}}\n', "utf-8")
    print(f"{len(cases)} cases")
    return 0


if __name__ == "__main__":
    sys.exit(main())
