"""What the server says it is (version.Info)."""

from __future__ import annotations

from typing import Any

from minikctl import KUBERNETES_VERSION


def version_info() -> dict[str, Any]:
    """/version: what client libraries read to know what they talk to."""
    import platform

    major, minor, _ = KUBERNETES_VERSION[1:].split(".")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {
        "major": major,
        "minor": minor,
        "gitVersion": KUBERNETES_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "cpython",
        "platform": f"{platform.system().lower()}/{machine}",
    }
