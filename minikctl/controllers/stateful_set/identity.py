"""The pods of a StatefulSet and their claims: names, labels, volumes. Pure. Source: concept "StatefulSets"."""

from __future__ import annotations

from minikctl.api.meta import (
    Obj,
    annotations_of,
    is_deleting,
    labels_of,
    name,
    namespace,
    owner_reference,
    owner_references,
    uid,
)
from minikctl.controllers.common.history import HASH_LABEL
from minikctl.controllers.stateful_set import spec

POD_NAME, POD_INDEX = "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"


def pod(owner: Obj, template: Obj, revision: Obj, ordinal: int) -> Obj:
    """A new pod. template: that of the revision, which may be an older one than the owner's."""
    given = template.get("metadata") or {}
    own = f"{name(owner)}-{ordinal}"
    labels = {**(given.get("labels") or {}), **identity_labels(own, ordinal), HASH_LABEL: name(revision)}
    metadata: Obj = {"name": own, "namespace": namespace(owner), "generateName": f"{name(owner)}-", "labels": labels}
    metadata |= {f: given[f] for f in ("annotations", "finalizers") if given.get(f)}
    metadata["ownerReferences"] = [owner_reference(owner)]
    body = {**(template.get("spec") or {}), "hostname": own}
    if owner["spec"].get("serviceName"):
        body["subdomain"] = owner["spec"]["serviceName"]
    volumes = claim_volumes(owner, ordinal)
    named = {v["name"] for v in volumes}
    volumes += [v for v in body.get("volumes") or [] if v.get("name") not in named]
    if volumes:
        body["volumes"] = volumes
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": body}


def identity_labels(pod_name: str, ordinal: int) -> dict[str, str]:
    return {POD_NAME: pod_name, POD_INDEX: str(ordinal)}


def lost_labels(member: Obj) -> dict[str, str]:
    """The labels of its identity that a pod lacks."""
    wanted = identity_labels(name(member), spec.ordinal_of(member) or 0)
    return {k: v for k, v in wanted.items() if labels_of(member).get(k) != v}


def claim_name(owner: Obj, template: Obj, ordinal: int) -> str:
    return f"{template['metadata']['name']}-{name(owner)}-{ordinal}"


def claim_volumes(owner: Obj, ordinal: int) -> list[Obj]:
    return [
        {"name": t["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim_name(owner, t, ordinal)}}
        for t in spec.claim_templates(owner)
    ]


def claims(owner: Obj, ordinal: int) -> list[Obj]:
    """The claims of one pod, as they are to be created."""
    matched = (owner["spec"].get("selector") or {}).get("matchLabels") or {}
    made = []
    for template in spec.claim_templates(owner):
        metadata: Obj = {"name": claim_name(owner, template, ordinal), "namespace": namespace(owner)}
        metadata["labels"] = {**labels_of(template), **matched}
        if annotations_of(template):
            metadata["annotations"] = dict(annotations_of(template))
        if spec.deletes_claims(owner, "whenDeleted"):
            metadata["ownerReferences"] = [owner_reference(owner)]
        made.append(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {k: v for k, v in metadata.items() if v},
                "spec": template.get("spec") or {},
            }
        )
    return made


def claim_owners(owner: Obj, member: Obj, claim: Obj) -> list[Obj] | None:
    """The owner references that a claim is to have, by the retention policy; None when it has them already.

    member: the claim's pod. A claim goes with the StatefulSet (whenDeleted: Delete) or with a pod that is scaled away
    (whenScaled: Delete), because the garbage collector deletes it after its owner.
    """
    scaled_down = spec.ordinal_of(member) not in spec.ordinals(owner)
    with_pod = spec.deletes_claims(owner, "whenScaled") and scaled_down
    with_set = spec.deletes_claims(owner, "whenDeleted") and not with_pod
    present = owner_references(claim)
    if any(r.get("controller") and r.get("uid") not in (uid(owner), uid(member)) for r in present):
        return None  # somebody else's
    wanted = [r for r in present if r.get("uid") not in (uid(owner), uid(member))]
    if with_set:
        wanted.append(owner_reference(owner))
    if with_pod:
        wanted.append({**owner_reference({"apiVersion": "v1", "kind": "Pod", **member}), "blockOwnerDeletion": True})
    return None if {r["uid"] for r in wanted} == {r["uid"] for r in present} else wanted


def is_stale(claim: Obj, member_name: str, member_uid: str) -> bool:
    """Whether a claim still belongs to an earlier pod of that name, and is about to go with it."""
    if is_deleting(claim):
        return True
    return any(
        r.get("kind") == "Pod" and r.get("name") == member_name and r.get("uid") != member_uid
        for r in owner_references(claim)
    )
