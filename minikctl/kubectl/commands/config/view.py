"""`kubectl config view`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.kubeconfig import access, embed
from minikctl.kubectl.kubeconfig.files import Config, as_file
from minikctl.kubectl.printers import PRINT_OPTIONS, Typed, printer
from minikctl.util.errors import UsageError

REDACTED, OMITTED = "REDACTED", "DATA+OMITTED"
SECRETS = ("token", "password")
DATA = {
    "clusters": {"certificate-authority": "certificate-authority-data"},
    "users": {"client-certificate": "client-certificate-data", "client-key": "client-key-data"},
}
"""By section: fields that name a file, and those that hold its content instead."""


def run(call: Invocation) -> None:
    if call.args:
        raise call.usage_error(f"unexpected arguments: [{' '.join(call.args)}]")
    show = printer(call)
    files = access.of(call)
    merge = call.flags.merge if call.flags.changed("merge") else not files.explicit
    if not merge and not files.explicit:
        raise UsageError("if merge==false a precise file must be specified")
    config = files.start()
    if call.flags.minify:
        config = minified(config, call.flags.get("context") or config.current_context)
    if call.flags.flatten:
        config = flattened(config)
    elif not call.flags.raw:
        config = redacted(config)
    show(Typed(as_file(config)), None)


def minified(config: Config, current: str) -> Config:
    """Only what the current context uses."""
    if not current:
        raise UsageError("current-context must exist in order to minify")
    if current not in config.contexts:
        raise UsageError(f"cannot locate context {current}")
    context = config.contexts[current]
    parts: dict[str, Any] = {}
    for section, field in (("clusters", "cluster"), ("users", "user")):
        name = context.get(field) or ""
        if name and name not in config.section(section):
            raise UsageError(f"cannot locate {field} {name}")
        parts[section] = {name: config.section(section)[name]} if name else {}
    return replace(config, contexts={current: context}, current_context=current, **parts)


def flattened(config: Config) -> Config:
    """The content of files instead of their names."""

    def inline(section: str, name: str, entry: dict[str, Any]) -> dict[str, Any]:
        folder = config.origins[section, name].parent
        out = dict(entry)
        for path, data in DATA[section].items():
            if out.get(path):
                out |= {data: embed.read(folder / Path(out[path])), path: ""}
        return out

    return _each(config, inline)


def redacted(config: Config) -> Config:
    """Without secrets and long data."""

    def hide(section: str, _name: str, entry: dict[str, Any]) -> dict[str, Any]:
        secrets = {f: REDACTED for f in SECRETS if entry.get(f)}
        return entry | secrets | {f: OMITTED for f in DATA[section].values() if entry.get(f)}

    return _each(config, hide)


def _each(config: Config, change: Any) -> Config:
    clusters = {n: change("clusters", n, e) for n, e in config.clusters.items()}
    return replace(config, clusters=clusters, users={n: change("users", n, e) for n, e in config.users.items()})


COMMAND = Command(
    name="view",
    summary="Display merged kubeconfig settings or a specified kubeconfig file",
    description=(
        "Display merged kubeconfig settings or a specified kubeconfig file.\n\n"
        "You can use --output jsonpath={...} to extract specific values using a jsonpath expression."
    ),
    examples=(
        ("Show merged kubeconfig settings", "kubectl config view"),
        ("Show merged kubeconfig settings, raw certificate data, and exposed secrets", "kubectl config view --raw"),
        (
            "Get the password for the e2e user",
            "kubectl config view -o jsonpath='{.users[?(@.name == \"e2e\")].user.password}'",
        ),
    ),
    use="view [flags] [options]",
    options=(
        *(replace(o, default="yaml") if o.name == "output" else o for o in PRINT_OPTIONS),
        Option("merge", BOOL, default=True, help="Merge all kubeconfig files."),
        Option("raw", BOOL, help="Show secrets and data as they are."),
        Option("flatten", BOOL, help="Put the content of files in, so that the output stands alone."),
        Option("minify", BOOL, help="Show only what the current context uses."),
    ),
    run=run,
)
