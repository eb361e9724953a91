"""The kubeconfig of a cluster of ours, `state/kubeconfig`: context `minikctl`, the administrator's certificate, and the
extension that names its directory.

The extension is what lets a copy of the file, or a file it was merged into, find the cluster again. Whoever can read
the file is the cluster's administrator: it is readable by its owner only.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minikctl.client import state_dir as state
from minikctl.kubectl.kubeconfig.files import Config, read, write
from minikctl.util.errors import UsageError

EXTENSION = "minikctl"
CONTEXT = "minikctl"
USER = "minikctl-admin"
FILE = "kubeconfig"


def ensure(state_dir: Path, *, renew: bool = False) -> Path:
    """The cluster's own file, `state/kubeconfig`: written when it is missing; the server's address and CA kept right.

    With `renew`, the administrator's certificate is looked at, too, and made anew when its time is nearly over.
    Raises UsageError.
    """
    path = state_dir / FILE
    cluster = state.load(state_dir)
    if cluster is None:
        raise UsageError(f"{state_dir} is not a state directory of minikctl")
    try:
        config = read(path)
    except FileNotFoundError:
        config = Config(current_context=CONTEXT)
        config.contexts[CONTEXT] = {"cluster": CONTEXT, "user": USER}
    authority = _authority(state_dir)
    before = config.clusters.get(CONTEXT, {})
    entry = {**before, **own_entry(state_dir, cluster), "certificate-authority-data": _encoded(authority)}
    user = config.users.get(USER, {})
    trusted = before.get("certificate-authority-data") == entry["certificate-authority-data"]
    if not (trusted and user.get("client-certificate-data")) or (renew and not _lasts(user, authority)):
        user = {**user, **_administrator(state_dir)}
    if before != entry or config.users.get(USER) != user:
        config.clusters[CONTEXT], config.users[USER] = entry, user
        write(path, config)
    return path


def own_entry(state_dir: Path, cluster: state.Cluster) -> dict[str, Any]:
    extension = {"name": EXTENSION, "extension": {"stateDir": str(state_dir), "uid": cluster.uid}}
    return {"server": cluster.server, "extensions": [extension]}


def _authority(state_dir: Path) -> bytes:
    """The cluster's CA certificate, made when there is none. Raises UsageError."""
    from minikctl.apiserver.auth import pki

    try:
        return pki.ca_pem(state_dir) or pki.authority(state_dir).pem
    except (OSError, ValueError) as e:
        raise UsageError(f"cannot use the certificates in {state_dir / pki.FOLDER}: {e}") from None


def _administrator(state_dir: Path) -> dict[str, str]:
    """A fresh certificate and key of the cluster's administrator."""
    from minikctl.apiserver.auth import pki

    try:
        pair = pki.client_pair(state_dir, pki.ADMIN, (pki.MASTERS,))
    except (OSError, ValueError) as e:
        raise UsageError(f"cannot use the certificates in {state_dir / pki.FOLDER}: {e}") from None
    return {"client-certificate-data": _encoded(pair.certificate), "client-key-data": _encoded(pair.key)}


def _lasts(user: Mapping[str, Any], authority: bytes) -> bool:
    from minikctl.apiserver.auth import pki

    try:
        return pki.lasts(base64.b64decode(str(user.get("client-certificate-data") or "")), authority)
    except binascii.Error:
        return False


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def extension_of(cluster: Mapping[str, Any]) -> tuple[str, str]:
    """(state directory, uid) that a cluster entry names, empty for clusters that are not ours."""
    for extension in cluster.get("extensions") or []:
        if isinstance(extension, dict) and extension.get("name") == EXTENSION:
            content = extension.get("extension") or {}
            return str(content.get("stateDir") or ""), str(content.get("uid") or "")
    return "", ""
