"""The passwords for registries that a pod may use: its imagePullSecrets, which it has from its service account too.

Source: Kubernetes "Pull an Image from a Private Registry"; kubelet `kubelet_pods.go` (getPullSecretsForPod).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, namespace
from minikctl.client import Client
from minikctl.runtime.interface import Credential
from minikctl.runtime.oci import credentials

KEYS = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}


def of_pod(client: Client, pod: Obj, warn: Callable[[str], None]) -> list[Credential]:
    """`warn` is told once when some Secrets cannot be had."""
    found: list[Credential] = []
    missing = []
    for reference in pod["spec"].get("imagePullSecrets") or []:
        wanted = reference.get("name") or ""
        if not wanted:
            continue
        try:
            found += of_secret(client.get("secrets", wanted, namespace(pod)))
        except ApiError:
            missing.append(wanted)
    if missing:
        names = ", ".join(missing)
        warn(f"Unable to retrieve some image pull secrets ({names}); attempting to pull the image may not succeed.")
    return found


def of_secret(secret: Obj) -> list[Credential]:
    """What a Secret of one of the two types says; nothing for others, and for what cannot be read."""
    data = (secret.get("data") or {}).get(KEYS.get(secret.get("type") or "", ""))
    try:
        return credentials.read(base64.b64decode(data)) if data else []
    except (binascii.Error, ValueError):
        return []
