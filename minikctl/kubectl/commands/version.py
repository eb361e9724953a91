"""`kubectl version`: which Kubernetes this command line speaks, and which one the cluster is.

Source: kubectl `pkg/cmd/version/version.go`.
"""

from __future__ import annotations

import platform

from minikctl import KUBERNETES_VERSION, __version__
from minikctl.api.meta import Obj
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, STRING, Option
from minikctl.util.errors import UsageError

KUSTOMIZE_VERSION = "v5.8.1"
"""What kubectl of this version brings along."""
SKEW = 1
"""Minor versions that client and server may be apart."""

OPTIONS = (
    Option("client", BOOL, help="Only this program's version; no server is asked."),
    Option("output", STRING, short="o", help="One of 'yaml' or 'json'.", complete=("yaml", "json")),
)


def run(call: Invocation) -> None:
    """Raises UsageError, ApiError."""
    if call.args and not call.flags.client:
        raise UsageError(f"extra arguments: [{' '.join(call.args)}]")
    if call.flags.output not in ("", "yaml", "json"):
        raise UsageError("--output must be 'yaml' or 'json'")
    client = client_version()
    server = None if call.flags.client else call.client.version()
    info: Obj = {"clientVersion": client, "kustomizeVersion": KUSTOMIZE_VERSION}
    if server is not None:
        info["serverVersion"] = server
    if call.flags.output == "yaml":
        from minikctl.kubectl.printers import yaml_out

        call.out(yaml_out.dumps(info))
    elif call.flags.output == "json":
        from minikctl.kubectl.printers import json_out

        call.out(json_out.dumps(info, sort_keys=False, indent=2))
    else:
        call.out(f"Client Version: {client['gitVersion']}\nKustomize Version: {KUSTOMIZE_VERSION}")
        if server is not None:
            call.out(f"Server Version: {server['gitVersion']}")
    if server is not None and (text := skew(client, server)):
        call.warn(text)


def client_version() -> Obj:
    """version.Info of this program: Kubernetes' version, and minikctl's where a build of kubectl names its own."""
    major, minor, _ = KUBERNETES_VERSION[1:].split(".")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {
        "major": major,
        "minor": minor,
        "gitVersion": KUBERNETES_VERSION,
        "gitCommit": f"minikctl-{__version__}",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": f"python{platform.python_version()}",
        "compiler": platform.python_implementation().lower(),
        "platform": f"{platform.system().lower()}/{machine}",
    }


def skew(client: Obj, server: Obj) -> str:
    """The warning for versions too far apart, `""` when they fit."""
    ours, theirs = (f"{v['major']}.{v['minor'].rstrip('+')}" for v in (client, server))
    try:
        apart = abs(int(ours.split(".")[1]) - int(theirs.split(".")[1]))
    except ValueError:
        return ""
    if ours.split(".")[0] == theirs.split(".")[0] and apart <= SKEW:
        return ""
    return (
        f"version difference between client ({ours}) and server ({theirs}) "
        f"exceeds the supported minor version skew of +/-{SKEW}"
    )


COMMAND = Command(
    "version",
    "Print the client and server version information",
    run,
    OPTIONS,
    use="version [flags]",
    description="Print the client and server version information for the current context.",
    examples=(("The versions of client and server", "kubectl version"),),
)
