"""`kubectl kustomize`: what a kustomization makes, as YAML."""

from __future__ import annotations

from minikctl.kubectl import PROGRAM
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import ARRAY, BOOL, LIST, Option
from minikctl.util.errors import UsageError

ROOT_ONLY, NONE = "LoadRestrictionsRootOnly", "LoadRestrictionsNone"
NOT_HERE = ("enable-helm", "enable-alpha-plugins", "network", "mount", "env", "as-current-user")
"""Flags about plugins and Helm charts, which do not run here."""


def run(call: Invocation) -> None:
    """Raises UsageError."""
    from minikctl.kubectl.kustomize import build
    from minikctl.kubectl.printers.yaml_out import dumps

    flags = call.flags
    if len(call.args) > 1:
        raise UsageError("specify one path to kustomization.yaml")
    if flags.load_restrictor not in (ROOT_ONLY, NONE):
        raise UsageError(
            f"illegal flag value --load-restrictor {flags.load_restrictor}; legal values: [{ROOT_ONLY} {NONE}]"
        )
    for name in NOT_HERE:
        if flags.get(name):
            raise UsageError(f"--{name}: minikctl runs neither plugins nor Helm for kustomizations")
    path = call.args[0] if call.args else "."
    found = build(path, call.env.cwd, call.err, restricted=flags.load_restrictor == ROOT_ONLY)
    text = "---\n".join(dumps(obj) for obj in found)
    if not flags.output:
        call.out(text, end="")
        return
    try:
        (call.env.cwd / flags.output).write_text(text, "utf-8")
    except OSError as e:
        raise UsageError(f"open {flags.output}: {(e.strerror or '').lower()}") from None


COMMAND = Command(
    name="kustomize",
    summary="Build a kustomization target from a directory or URL",
    group="Advanced Commands",
    use="kustomize DIR [flags]",
    description=(
        "Make manifests from a folder with a 'kustomization.yaml'.\n\n"
        "Without DIR it is the current folder. Folders elsewhere (git repositories) are not fetched, and neither plugins "
        "nor Helm charts are run."
    ),
    examples=(
        ("The current folder", f"{PROGRAM} kustomize"),
        ("Another one", f"{PROGRAM} kustomize /home/config/production"),
    ),
    options=(
        Option("as-current-user", BOOL, help="Run functions in containers as the caller (no functions here)."),
        Option("enable-alpha-plugins", BOOL, help="Run kustomize's plugins (there are none here)."),
        Option("enable-helm", BOOL, help="Run Helm charts (not here)."),
        Option("env", LIST, short="e", help="Variables for functions (no functions here)."),
        Option("helm-api-versions", LIST, help="API versions that Helm is told about (no Helm here)."),
        Option("helm-command", default="helm", help="The program Helm (no Helm here)."),
        Option("helm-debug", BOOL, help="More output of Helm (no Helm here)."),
        Option("helm-kube-version", help="Kubernetes version that Helm is told about (no Helm here)."),
        Option(
            "load-restrictor",
            default=ROOT_ONLY,
            help=f"{NONE} lets kustomizations load files from outside of their folders.",
            complete=(ROOT_ONLY, NONE),
        ),
        Option("mount", ARRAY, help="Storage for functions (no functions here)."),
        Option("network", BOOL, help="Network for functions (no functions here)."),
        Option("network-name", default="bridge", help="Network of functions' containers (no functions here)."),
        Option("output", short="o", help="Write to this file.", complete="files"),
    ),
    complete="folders",
    run=run,
)
