"""From a context of a kubeconfig, and the flags that change it, to a server and credentials.

Source: client-go `tools/clientcmd` (client_config.go, validation.go), with its error texts.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minikctl.kubectl.global_options import request_timeout
from minikctl.kubectl.kubeconfig.files import Config
from minikctl.util.errors import UsageError

if TYPE_CHECKING:
    from minikctl.client.http import Endpoint, ExecPlugin, Impersonation
    from minikctl.kubectl.command import Invocation

EXEC_EXTENSION = "client.authentication.k8s.io/exec"
Entry = Mapping[str, Any]


def endpoint(call: Invocation, config: Config, flags: Any, cluster_name: str, user_name: str) -> Endpoint:
    """`flags.get(name)`: the global flags. Raises UsageError, with client-go's text for what does not go together."""
    from minikctl.client.http import Endpoint

    cluster, cluster_files = _cluster(call, config, flags, cluster_name)
    user, user_files = _user(call, config, flags, user_name)
    problems = [*_user_problems(user, user_files, user_name), *_cluster_problems(cluster, cluster_files, cluster_name)]
    if len(problems) > 1:
        raise UsageError("\n" + "\n".join(f"* {p}" for p in problems), prefix="Error in configuration: ")
    if problems:
        raise UsageError(problems[0])
    ca = _pem(cluster, "certificate-authority", cluster_files)
    if ca and cluster.get("insecure-skip-tls-verify"):
        raise UsageError("specifying a root certificates file with the insecure flag is not allowed")
    return Endpoint(
        server=str(cluster["server"]),
        ca=ca,
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        tls_server_name=str(cluster.get("tls-server-name") or ""),
        proxy=str(cluster.get("proxy-url") or ""),
        client_certificate=_pem(user, "client-certificate", user_files),
        client_key=_pem(user, "client-key", user_files),
        token=str(user.get("token") or _provider_token(user)),
        token_file=str(_path(user.get("tokenFile"), user_files) or ""),
        username=str(user.get("username") or ""),
        password=str(user.get("password") or ""),
        exec_plugin=_exec_plugin(user, cluster, user_files),
        impersonation=_impersonation(user, flags, user_name),
        timeout=request_timeout(call),
        compression=not (cluster.get("disable-compression") or flags.get("disable-compression")),
        environ=call.env.environ,
    )


# ---------------------------------------------------------------------- the entries, with what the flags change


def _cluster(call: Invocation, config: Config, flags: Any, name: str) -> tuple[dict[str, Any], Path]:
    """The cluster's entry and the folder that its files are relative to."""
    if name and name not in config.clusters:
        raise UsageError(f'cluster "{name}" does not exist')
    entry = dict(config.clusters.get(name, {}))
    folder = _folder(call, config, "clusters", name)
    if flags.get("server"):
        entry["server"] = flags.get("server")
        entry.pop("tls-server-name", None)
    if flags.get("insecure-skip-tls-verify") or flags.get("certificate-authority"):
        for field in ("certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify"):
            entry.pop(field, None)
        entry["insecure-skip-tls-verify"] = bool(flags.get("insecure-skip-tls-verify"))
        if flags.get("certificate-authority"):
            entry["certificate-authority"] = _given(call, flags.get("certificate-authority"))
    if flags.get("tls-server-name"):
        entry["tls-server-name"] = flags.get("tls-server-name")
    return entry, folder


def _user(call: Invocation, config: Config, flags: Any, name: str) -> tuple[dict[str, Any], Path]:
    if name and name not in config.users:
        raise UsageError(f'auth info "{name}" does not exist')
    entry = dict(config.users.get(name, {}))
    if flags.get("token"):
        entry["token"] = flags.get("token")
        entry.pop("tokenFile", None)
    for field in ("client-certificate", "client-key"):
        if flags.get(field):
            entry[field] = _given(call, flags.get(field))
            entry.pop(f"{field}-data", None)
    for field in ("username", "password"):
        if flags.get(field):
            entry[field] = flags.get(field)
    return entry, _folder(call, config, "users", name)


class _Typed(str):
    """A path from the command line: relative to the working directory, shown as it was typed."""

    whole: Path


def _given(call: Invocation, path: str) -> _Typed:
    out = _Typed(path)
    out.whole = call.env.cwd / path
    return out


def _folder(call: Invocation, config: Config, section: str, name: str) -> Path:
    origin = config.origins.get((section, name))
    return origin.parent if origin else call.env.cwd


def _path(value: Any, folder: Path) -> Path | None:
    if not value:
        return None
    return value.whole if isinstance(value, _Typed) else folder / str(value)


# ---------------------------------------------------------------------- what does not go together


def _user_problems(user: Entry, folder: Path, name: str) -> list[str]:
    problems, methods = [], []
    if user.get("token"):
        methods.append("token")
    if user.get("username") or user.get("password"):
        methods.append("basicAuth")
    if any(user.get(f) for f in ("client-certificate", "client-certificate-data")):
        if not user.get("client-key") and not user.get("client-key-data"):
            problems.append(
                f"client-key-data or client-key must be specified for {name} to use the clientCert authentication method."
            )
        problems += _unreadable(user, "client-certificate", "client-cert", folder, name)
        problems += _unreadable(user, "client-key", "client-key", folder, name)
    if len(methods) > 1:
        problems.append(
            f"more than one authentication method found for {name}; found [{' '.join(methods)}], only one is allowed"
        )
    plugin = user.get("exec") or {}
    if plugin:
        if user.get("auth-provider"):
            problems.append(f"authProvider cannot be provided in combination with an exec plugin for {name}")
        if not plugin.get("command"):
            problems.append(f"command must be specified for {name} to use exec authentication plugin")
        if not plugin.get("apiVersion"):
            problems.append(f"apiVersion must be specified for {name} to use exec authentication plugin")
        if not plugin.get("interactiveMode") and not str(plugin.get("apiVersion") or "").endswith("/v1beta1"):
            problems.append(f"interactiveMode must be specified for {name} to use exec authentication plugin")
    return problems


def _cluster_problems(cluster: Entry, folder: Path, name: str) -> list[str]:
    problems = []
    if not cluster.get("server"):
        problems.append(f'no server found for cluster "{name}"' if name else "default cluster has no server defined")
    proxy = str(cluster.get("proxy-url") or "")
    if proxy and not proxy.startswith(("http://", "https://", "socks5://", "socks5h://")):
        problems.append(f'invalid \'proxy-url\' "{proxy}" for cluster "{name}": unsupported scheme')
    if cluster.get("certificate-authority") and cluster.get("certificate-authority-data"):
        problems.append(
            f"certificate-authority-data and certificate-authority are both specified for {name}. "
            "certificate-authority-data will override."
        )
    return problems + _unreadable(cluster, "certificate-authority", "certificate-authority", folder, name)


def _unreadable(entry: Entry, field: str, shown: str, folder: Path, name: str) -> list[str]:
    path = _path(entry.get(field), folder)
    if path is None or entry.get(f"{field}-data"):
        return []
    try:
        path.open("rb").close()
    except OSError as e:
        where = entry[field] if isinstance(entry[field], _Typed) else path
        return [f"unable to read {shown} {where} for {name} due to open {where}: {(e.strerror or '').lower()}"]
    return []


def _pem(entry: Entry, field: str, folder: Path) -> bytes:
    """`certificate-authority-data` (base64), else the file."""
    data = entry.get(f"{field}-data")
    if data:
        try:
            return base64.b64decode(str(data), validate=True)
        except binascii.Error:
            raise UsageError(f"{field}-data is not base64") from None
    path = _path(entry.get(field), folder)
    return path.read_bytes() if path else b""


# ---------------------------------------------------------------------- other ways to log in


def _provider_token(user: Entry) -> str:
    """The ID token of an `oidc` auth provider; the others have been taken out of client-go."""
    provider = user.get("auth-provider") or {}
    if not provider:
        return ""
    if provider.get("name") != "oidc":
        raise UsageError(f'no Auth Provider found for name "{provider.get("name")}"')
    return str((provider.get("config") or {}).get("id-token") or "")


def _exec_plugin(user: Entry, cluster: Entry, folder: Path) -> ExecPlugin | None:
    from minikctl.client.http import ExecPlugin

    given = user.get("exec") or {}
    if not given:
        return None
    command = str(given["command"])
    if "/" in command and not command.startswith("/"):
        command = str(folder / command)
    extensions = {e.get("name"): e.get("extension") for e in cluster.get("extensions") or [] if isinstance(e, dict)}
    return ExecPlugin(
        command=command,
        args=tuple(map(str, given.get("args") or [])),
        env={str(e.get("name")): str(e.get("value") or "") for e in given.get("env") or []},
        api_version=str(given["apiVersion"]),
        install_hint=str(given.get("installHint") or ""),
        provide_cluster_info=bool(given.get("provideClusterInfo")),
        interactive_mode=str(given.get("interactiveMode") or "IfAvailable"),
        cluster_config=extensions.get(EXEC_EXTENSION),
    )


def _impersonation(user: Entry, flags: Any, name: str) -> Impersonation:
    from minikctl.client.http import Impersonation

    extra: dict[str, list[str]] = {k: list(v) for k, v in (user.get("as-user-extra") or {}).items()}
    for word in flags.get("as-user-extra") or []:
        key, equals, value = word.partition("=")
        if equals:  # kubectl says nothing of the others
            extra.setdefault(key, []).append(value)
    found = Impersonation(
        user=str(flags.get("as") or user.get("as") or ""),
        groups=tuple(flags.get("as-group") or user.get("as-groups") or ()),
        uid=str(flags.get("as-uid") or user.get("as-uid") or ""),
        extra={k: tuple(v) for k, v in extra.items()},
    )
    if not found.user and (found.groups or found.uid or found.extra):
        raise UsageError(f"requesting uid, groups or user-extra for {name} without impersonating a user")
    return found
