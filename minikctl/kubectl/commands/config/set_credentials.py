"""`kubectl config set-credentials`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from minikctl.kubectl import pairs
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import ARRAY, BOOL, LIST, Option
from minikctl.kubectl.kubeconfig import access, embed
from minikctl.util.errors import UsageError

MODES = ("IfAvailable", "Never", "Always")


def run(call: Invocation) -> None:
    if len(call.args) != 1:
        access.wrong_arguments(call)
        raise UsageError(f"unexpected args: [{' '.join(call.args)}]")
    name = call.args[0]
    _check(call, name)
    files = access.of(call)
    before = files.start()
    entry = changed(call, before.users.get(name, {}))
    files.modify(before, replace(before, users={**before.users, name: entry}))
    call.out(f'User "{name}" set.')


def _check(call: Invocation, name: str) -> None:
    flags = call.flags
    if not name:
        raise UsageError("you must specify a non-empty user name")
    methods = ["--token"] if flags.token else []
    methods += ["--username/--password"] if flags.username or flags.password else []
    if len(methods) > 1:
        raise UsageError(
            f"you cannot specify more than one authentication method at the same time: {', '.join(methods)}"
        )
    if flags.embed_certs:
        if not flags.client_certificate and not flags.client_key:
            raise UsageError("you must specify a --client-certificate or --client-key to embed")
        for flag in ("client-certificate", "client-key"):
            if flags.get(flag):
                embed.check(call, flag, flags.get(flag))
    if flags.changed("exec-interactive-mode") and flags.exec_interactive_mode not in MODES:
        raise UsageError(f"invalid interactive mode type, can be only {', '.join(MODES)}")


def changed(call: Invocation, entry: dict[str, Any]) -> dict[str, Any]:
    """The entry with what the flags say; a token replaces a password and the other way round."""
    flags, out = call.flags, dict(entry)
    for flag in ("client-certificate", "client-key"):
        if flags.changed(flag):
            data = f"{flag}-data"
            if flags.embed_certs:
                out |= {data: embed.content(call, flags.get(flag)), flag: ""}
            else:
                out |= {flag: embed.absolute(call, flags.get(flag)), data: ""}
    for flag in ("token", "username", "password"):
        if flags.changed(flag):
            out[flag] = flags.get(flag)
    if flags.token:
        out |= {"username": "", "password": ""}
    elif flags.username or flags.password:
        out["token"] = ""
    _auth_provider(call, out)
    _exec(call, out)
    return out


def _auth_provider(call: Invocation, out: dict[str, Any]) -> None:
    provider = dict(out.get("auth-provider") or {})
    if call.flags.changed("auth-provider") and provider.get("name") != call.flags.auth_provider:
        provider = {"name": call.flags.auth_provider}
    if not provider:
        return
    new, removed = pairs.parse(call.flags.auth_provider_arg, "auth-provider-arg", removal=True)
    config = {k: v for k, v in (provider.get("config") or {}).items() if k not in removed} | new
    out["auth-provider"] = {**provider, "config": config}


def _exec(call: Invocation, out: dict[str, Any]) -> None:
    flags = call.flags
    plugin = dict(out.get("exec") or {})
    if flags.changed("exec-command"):
        plugin = {**plugin, "command": flags.exec_command, "args": None}
    if not plugin:
        return
    if flags.changed("exec-api-version"):
        plugin["apiVersion"] = flags.exec_api_version
    if flags.exec_arg:
        plugin["args"] = flags.exec_arg
    if flags.changed("exec-interactive-mode"):
        plugin["interactiveMode"] = flags.exec_interactive_mode
    if flags.changed("exec-provide-cluster-info"):
        plugin["provideClusterInfo"] = flags.exec_provide_cluster_info
    new, removed = pairs.parse(flags.exec_env, "exec-env", removal=True)
    if new or removed:
        known = {e["name"]: e["value"] for e in plugin.get("env") or [] if e["name"] not in removed}
        plugin["env"] = [{"name": k, "value": v} for k, v in (known | new).items()]
    out["exec"] = plugin


COMMAND = Command(
    name="set-credentials",
    summary="Set a user entry in kubeconfig",
    description=(
        "Set a user entry in kubeconfig.\n\n"
        "Specifying a name that already exists will merge new fields on top of existing values.\n\n"
        "A bearer token and basic authentication exclude each other."
    ),
    examples=(
        (
            'Set only the "client-key" field on the "cluster-admin" entry, without touching other values',
            "kubectl config set-credentials cluster-admin --client-key=~/.kube/admin.key",
        ),
        (
            'Set basic auth for the "cluster-admin" entry',
            "kubectl config set-credentials cluster-admin --username=admin --password=uXFGweU9l35qcif",
        ),
        (
            'Remove an environment variable of the exec plugin of the "cluster-admin" entry',
            "kubectl config set-credentials cluster-admin --exec-env=var-to-remove-",
        ),
    ),
    use=(
        "set-credentials NAME [--client-certificate=path/to/certfile] [--client-key=path/to/keyfile] "
        "[--token=bearer_token] [--username=basic_user] [--password=basic_password] [--auth-provider=provider_name] "
        "[--auth-provider-arg=key=value] [--exec-command=exec_command] [--exec-api-version=exec_api_version] "
        "[--exec-arg=arg] [--exec-env=key=value] [options]"
    ),
    options=(
        Option("client-certificate", help="File with the client's certificate."),
        Option("client-key", help="File with the client's key."),
        Option("embed-certs", BOOL, help="Put certificate and key themselves into the file."),
        Option("token", help="Bearer token."),
        Option("username", help="User name for basic authentication."),
        Option("password", help="Password for basic authentication."),
        Option("auth-provider", help="Name of the auth provider."),
        Option("auth-provider-arg", LIST, help="key=value arguments of the auth provider; key- removes one."),
        Option("exec-command", help="Command of the exec credential plugin."),
        Option("exec-api-version", help="API version of the exec credential plugin."),
        Option("exec-interactive-mode", help="When the plugin may ask: IfAvailable, Never or Always.", complete=MODES),
        Option("exec-provide-cluster-info", BOOL, help="Tell the plugin about the cluster."),
        Option("exec-arg", LIST, help="Arguments of the exec credential plugin."),
        Option("exec-env", ARRAY, help="key=value environment of the exec credential plugin; key- removes one."),
    ),
    complete="kubeconfig:users",
    run=run,
)
