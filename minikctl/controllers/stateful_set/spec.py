"""What a StatefulSet's spec says in numbers. Pure."""

from __future__ import annotations

import re

from minikctl.api.intstr import scaled
from minikctl.api.meta import Obj, labels_of, name
from minikctl.controllers.common.history import HASH_LABEL

_MEMBER = re.compile(r"^(.*)-([0-9]+)$")


def replicas(owner: Obj) -> int:
    wanted = owner["spec"].get("replicas")
    return 1 if wanted is None else int(wanted)


def start(owner: Obj) -> int:
    """The first pod's ordinal."""
    return int((owner["spec"].get("ordinals") or {}).get("start") or 0)


def ordinals(owner: Obj) -> range:
    return range(start(owner), start(owner) + replicas(owner))


def ordinal_of(pod: Obj) -> int | None:
    """`web-3` is 3."""
    found = _MEMBER.match(name(pod))
    return int(found[2]) if found else None


def is_member(owner: Obj, pod: Obj) -> bool:
    """Whether the pod's name is one that this StatefulSet gives."""
    found = _MEMBER.match(name(pod))
    return found is not None and found[1] == name(owner)


def is_parallel(owner: Obj) -> bool:
    return bool(owner["spec"].get("podManagementPolicy") == "Parallel")


def strategy(owner: Obj) -> str:
    return str((owner["spec"].get("updateStrategy") or {}).get("type") or "RollingUpdate")


def rolling(owner: Obj) -> Obj | None:
    found: Obj | None = (owner["spec"].get("updateStrategy") or {}).get("rollingUpdate")
    return found


def partition(owner: Obj) -> int:
    """The ordinal below which (counted from the first) pods stay as they are."""
    return int((rolling(owner) or {}).get("partition") or 0)


def max_unavailable(owner: Obj) -> int:
    """How many pods may be missing during an update: 1 and more."""
    wanted = (rolling(owner) or {}).get("maxUnavailable")
    return 1 if wanted is None else max(scaled(wanted, replicas(owner), round_up=False), 1)


def min_ready_seconds(owner: Obj) -> int:
    return int(owner["spec"].get("minReadySeconds") or 0)


def history_limit(owner: Obj) -> int | None:
    limit = owner["spec"].get("revisionHistoryLimit")
    return None if limit is None else int(limit)


def deletes_claims(owner: Obj, when: str) -> bool:
    """when: whenDeleted or whenScaled."""
    policy = owner["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    return bool(policy.get(when) == "Delete")


def claim_templates(owner: Obj) -> list[Obj]:
    return owner["spec"].get("volumeClaimTemplates") or []


def has_revision(pod: Obj, revision: Obj) -> bool:
    return labels_of(pod).get(HASH_LABEL) == name(revision)
