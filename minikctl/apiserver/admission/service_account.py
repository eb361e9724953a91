"""ServiceAccount: every pod runs as one, and its token, CA and namespace are mounted where client libraries look.

Source: Kubernetes concept "Service accounts", admission plugin `serviceaccount`.
"""

from __future__ import annotations

import random
import time

from minikctl.api.durations import parse_time
from minikctl.api.errors import forbidden, not_found
from minikctl.api.meta import Obj, annotations_of, generate_name, name
from minikctl.apiserver.admission import Cluster, Plugin
from minikctl.apiserver.request import Attributes

MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
MIRROR = "kubernetes.io/config.mirror"
PATIENCE_SECONDS, LOOK_SECONDS = 1.0, 0.005
NEW_SECONDS = 10.0
_random = random.SystemRandom()


def token_volume(volume_name: str) -> Obj:
    """The projected volume with a token that lasts an hour, the cluster's CA and the pod's namespace."""
    return {
        "name": volume_name,
        "projected": {
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {
                    "downwardAPI": {
                        "items": [
                            {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
                        ]
                    }
                },
            ],
            "defaultMode": 420,
        },
    }


def mutate(a: Attributes, api: Cluster) -> None:
    if a.obj is None or MIRROR in annotations_of(a.obj):
        return
    spec = a.obj["spec"]
    account_name = spec.get("serviceAccountName") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = account_name
    account = _account(a.namespace, account_name, api)
    if account is None:
        missing = not_found("serviceaccounts", "", account_name)
        why = f"error looking up service account {a.namespace}/{account_name}: {missing.message.replace('serviceaccounts', 'serviceaccount', 1)}"
        raise forbidden("pods", "", name(a.obj) or a.obj["metadata"].get("generateName", ""), why)
    if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
        spec["imagePullSecrets"] = [dict(s) for s in account["imagePullSecrets"]]
    wanted = spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken", True))
    if wanted:
        _mount(spec)


def _account(namespace: str, wanted: str, api: Cluster) -> Obj | None:
    """The account. That of a namespace which has only just been made is on its way, and waited for."""
    found = api.read("serviceaccounts", namespace, wanted)
    if found is not None or wanted != "default" or not _is_new(namespace, api):
        return found
    until = time.monotonic() + PATIENCE_SECONDS
    while found is None and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        found = api.read("serviceaccounts", namespace, wanted)
    return found


def _is_new(namespace: str, api: Cluster) -> bool:
    made = api.read("namespaces", "", namespace)
    since = made["metadata"].get("creationTimestamp") if made else None
    return since is not None and (api.clock.now() - parse_time(since)).total_seconds() < NEW_SECONDS


def _mount(spec: Obj) -> None:
    volume = next((v["name"] for v in spec.get("volumes") or [] if v["name"].startswith("kube-api-access-")), "")
    chosen = volume or generate_name("kube-api-access-", _random)
    mounted = bool(volume)
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        mounts = container.get("volumeMounts") or []
        if any(m.get("mountPath") == MOUNT_PATH for m in mounts):
            continue
        container["volumeMounts"] = [*mounts, {"name": chosen, "readOnly": True, "mountPath": MOUNT_PATH}]
        mounted = True
    if mounted and not volume:
        spec["volumes"] = [*(spec.get("volumes") or []), token_volume(chosen)]


PLUGIN = Plugin("ServiceAccount", order=50, mutate=mutate, operations=("CREATE",), handles=frozenset({"pods"}))
