"""`kubectl apply view-last-applied`."""

from __future__ import annotations

from minikctl.kubectl import last_applied
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.errors import add_source
from minikctl.kubectl.flags import Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import yaml_out
from minikctl.kubectl.resolve import ALL, SELECTOR
from minikctl.kubectl.selecting import select
from minikctl.util.errors import UsageError
from minikctl.util.jsonio import JSONError, go_json, loads


def run(call: Invocation) -> None:
    texts = []
    for target in select(call, latest=True).check():
        text = last_applied.original(target.obj or {})
        if not text and target.source:
            message = f"no last-applied-configuration annotation found on resource: {target.name}\n"
            raise add_source(message, target.source, UsageError("<nil>"))
        if text:
            texts.append(text)
    for text in texts:
        if call.flags.output not in ("json", "yaml"):
            raise call.usage_error(
                f"Unexpected -o output mode: {call.flags.output}, the flag 'output' must be one of yaml|json"
            )
        try:
            value = loads(text)
        except JSONError as e:
            raise UsageError(str(e)) from None
        call.out(go_json(value, indent=2) + "\n" if call.flags.output == "json" else yaml_out.dumps(value), end="")


COMMAND = Command(
    name="view-last-applied",
    summary="View the latest last-applied-configuration annotations of a resource/object",
    use="apply view-last-applied (TYPE [NAME | -l label] | TYPE/NAME | -f FILENAME)",
    description="Show the configuration that was applied last, as objects keep it.",
    examples=(
        ("Of a Deployment", "apply view-last-applied deployment/web"),
        ("Of what a file names, as JSON", "apply view-last-applied -f web.yaml -o json"),
    ),
    options=(
        *filename_options("whose configuration to show"),
        ALL,
        SELECTOR,
        Option("output", short="o", default="yaml", help="Output format: yaml or json.", complete=("yaml", "json")),
    ),
    complete="resources",
    run=run,
)
