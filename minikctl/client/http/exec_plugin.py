"""Credentials from a program of the user's (`exec` in a kubeconfig): aws, gcloud, kubelogin and their like.

Source: client-go `plugin/pkg/client/auth/exec/exec.go`, KEP-541.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from minikctl.client.http.endpoint import Endpoint, ExecPlugin
from minikctl.util.errors import Unreachable, UsageError

VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


@dataclass(frozen=True)
class Credential:
    """What the plugin gave: a token, or a certificate with its key (PEM), and when it ends."""

    token: str = ""
    certificate: bytes = b""
    key: bytes = b""
    expires: datetime | None = None

    def lasts(self, now: datetime) -> bool:
        return self.expires is None or now < self.expires


def run(endpoint: Endpoint, plugin: ExecPlugin) -> Credential:
    """Run the program. Raises UsageError, Unreachable."""
    if plugin.api_version not in VERSIONS:
        raise UsageError(f'exec plugin: invalid apiVersion "{plugin.api_version}"')
    interactive = plugin.interactive_mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
    if plugin.interactive_mode == "Always" and not interactive:
        raise _failed("exec plugin cannot support interactive mode: standard input is not a terminal")
    info = _info(endpoint, plugin, interactive)
    environ = {**endpoint.environ, **plugin.env, "KUBERNETES_EXEC_INFO": json.dumps(info)}
    try:
        done = subprocess.run(
            [plugin.command, *plugin.args],
            env=environ,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
        )
    except (FileNotFoundError, PermissionError) as e:
        found = "not found" if isinstance(e, FileNotFoundError) else os.strerror(e.errno or 0).lower()
        hint = f"\n\n{plugin.install_hint}" if plugin.install_hint else ""
        raise _failed(f"exec: executable {plugin.command} {found}{hint}") from None
    if done.returncode:
        raise _failed(f"exec: executable {plugin.command} failed with exit code {done.returncode}")
    return _credential(plugin, done.stdout)


def _info(endpoint: Endpoint, plugin: ExecPlugin, interactive: bool) -> Mapping[str, Any]:
    """The ExecCredential that tells the plugin what it is asked for."""
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.provide_cluster_info:
        cluster = {
            "server": endpoint.server,
            "tls-server-name": endpoint.tls_server_name,
            "insecure-skip-tls-verify": endpoint.insecure,
            "certificate-authority-data": base64.b64encode(endpoint.ca).decode(),
            "proxy-url": endpoint.proxy,
            "config": plugin.cluster_config,
        }
        spec["cluster"] = {k: v for k, v in cluster.items() if v or k == "config"}
    return {"kind": "ExecCredential", "apiVersion": plugin.api_version, "spec": spec}


def _credential(plugin: ExecPlugin, output: bytes) -> Credential:
    try:
        answer = json.loads(output)
    except ValueError as e:
        raise _failed(f"decoding stdout: couldn't get version/kind; json parse error: {e}") from None
    if not isinstance(answer, dict) or answer.get("kind") != "ExecCredential":
        raise _failed("decoding stdout: not an ExecCredential")
    if answer.get("apiVersion") != plugin.api_version:
        raise _failed(
            f"exec plugin is configured to use API version {plugin.api_version}, "
            f"plugin returned version {answer.get('apiVersion')}"
        )
    status = answer.get("status")
    if not isinstance(status, dict):
        raise _failed("exec plugin didn't return a status field")
    token = str(status.get("token") or "")
    certificate, key = (str(status.get(f) or "") for f in ("clientCertificateData", "clientKeyData"))
    if not token and not certificate and not key:
        raise _failed("exec plugin didn't return a token or cert/key pair")
    if bool(certificate) != bool(key):
        raise _failed("exec plugin returned only certificate or key, not both")
    return Credential(token, certificate.encode(), key.encode(), _time(status.get("expirationTimestamp")))


def _time(text: Any) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        raise _failed(f'decoding stdout: parsing time "{text}"') from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _failed(why: str) -> Unreachable:
    return Unreachable(f"Unable to connect to the server: getting credentials: {why}")
