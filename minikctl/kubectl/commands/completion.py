"""`kubectl completion`: the script that teaches a shell our words."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.completion import SHELLS, script


def run(call: Invocation) -> None:
    """Raises UsageError."""
    if not call.args:
        raise call.usage_error("Shell not specified.")
    if len(call.args) > 1:
        raise call.usage_error("Too many arguments. Expected only the shell type.")
    if call.args[0] not in SHELLS:
        raise call.usage_error(f'Unsupported shell type "{call.args[0]}".')
    call.out(script(call.args[0]), end="")


COMMAND = Command(
    name="completion",
    summary="Output shell completion code for the specified shell (bash, zsh, fish, or powershell)",
    group="Settings Commands",
    use="completion SHELL",
    description=(
        "Output the completion script of a shell: bash, zsh, fish or powershell.\n\n"
        "Once a shell has read it, the tabulator key completes commands, flags and their values, kinds, names, "
        "containers and ports, as the cluster has them at that moment."
    ),
    examples=(
        ("In this bash, and in every later one", 'source <(minikctl completion bash)\necho "source <(minikctl completion bash)" >> ~/.bashrc'),
        ("With an alias in bash", "alias k=minikctl; complete -o default -F __start_minikctl k"),
        ("In this zsh", "source <(minikctl completion zsh)"),
        ("In every zsh: a file in a folder of $fpath", 'minikctl completion zsh > "${fpath[1]}/_minikctl"'),
        ("In this fish", "minikctl completion fish | source"),
        ("In every fish", "minikctl completion fish > ~/.config/fish/completions/minikctl.fish"),
        ("In PowerShell", "minikctl completion powershell | Out-String | Invoke-Expression"),
    ),
    complete=SHELLS,
    run=run,
)  # fmt: skip
