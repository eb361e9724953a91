"""`kubectl api-versions`: the groups and versions that the server has."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> None:
    """Raises UsageError."""
    if call.args:
        raise call.usage_error(f"unexpected arguments: [{' '.join(call.args)}]")
    for version in sorted({k.api_version for k in call.client.kinds()}):
        call.out(version)


COMMAND = Command(
    "api-versions",
    'Print the supported API versions on the server, in the form of "group/version"',
    run,
    use="api-versions",
    description='Print the supported API versions on the server, in the form of "group/version".',
    examples=(("The supported versions", "kubectl api-versions"),),
)
