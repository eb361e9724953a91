"""`kubectl config get-contexts`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.kubeconfig import access
from minikctl.kubectl.printers.columns import render
from minikctl.util.errors import Aggregate, UsageError

HEADER = ["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"]


def run(call: Invocation) -> None:
    output = call.flags.output
    if output not in ("", "name"):
        raise UsageError(
            f"--output {output} is not available in kubectl config get-contexts; resetting to default output format"
        )
    config = access.of(call).start()
    wanted = call.args or list(config.contexts)
    found = sorted(n for n in wanted if n in config.contexts)
    if output == "name":
        call.out("".join(f"{n}\n" for n in found), end="")
    else:
        rows = [] if call.flags.no_headers else [HEADER]
        for name in found:
            entry = config.contexts[name]
            mark = "*" if name == config.current_context else " "
            rows.append([mark, name, *(str(entry.get(f) or "") for f in ("cluster", "user", "namespace"))])
        call.out(render(rows), end="")
    errors: list[Exception] = [UsageError(f"context {n} not found") for n in wanted if n not in config.contexts]
    if errors:
        raise Aggregate(errors)


COMMAND = Command(
    name="get-contexts",
    summary="Describe one or many contexts",
    description="Display one or many contexts from the kubeconfig file.",
    examples=(
        ("List all the contexts in your kubeconfig file", "kubectl config get-contexts"),
        ("Describe one context in your kubeconfig file", "kubectl config get-contexts my-context"),
    ),
    use="get-contexts [(-o|--output=)name)] [options]",
    options=(
        Option("no-headers", BOOL, help="Leave the headers out."),
        Option("output", short="o", help="Output format. One of: (name).", complete=("name",)),
    ),
    complete="kubeconfig:contexts",
    run=run,
)
