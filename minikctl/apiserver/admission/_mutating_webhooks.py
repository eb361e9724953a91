"""What MutatingAdmissionWebhook does: others change a request before it is checked.

Webhooks are asked one after the other, each with what those before it made of the object. When somebody changed it, the
whole chain runs once more, and those with `reinvocationPolicy: IfNeeded` that were asked before are asked again.
"""

from __future__ import annotations

from minikctl.api import schema
from minikctl.api.errors import internal
from minikctl.api.meta import Obj
from minikctl.api.patch import json_patch
from minikctl.apiserver.admission import MUTATING_WEBHOOKS, Cluster, _webhooks
from minikctl.apiserver.admission._requests import View, decoded
from minikctl.apiserver.admission._turns import Turns
from minikctl.apiserver.admission._webhooks import CallFailed, Hook
from minikctl.apiserver.request import Attributes
from minikctl.util.jsonio import JSONError, compact, loads

NAME = "MutatingAdmissionWebhook"


def mutate(a: Attributes, api: Cluster) -> None:
    turns: Turns = a.notes.setdefault(NAME, Turns())
    found = list(_webhooks.hooks(MUTATING_WEBHOOKS, a, api))
    if not found:
        return
    if a.reinvoked and turns.last != compact(a.obj):
        turns.something_changed()
    for i, hook in enumerate(found):
        view = _webhooks.concerned(hook, a, api)
        if view is None or (a.reinvoked and hook.id not in turns.again):
            continue
        place = f"round_{int(a.reinvoked)}_index_{i}"
        if _ask(hook, view, api, place):
            turns.something_changed()
            a.wants_reinvocation = True
        if hook.spec.get("reinvocationPolicy") == "IfNeeded":
            turns.asked.add(hook.id)
    turns.last = compact(a.obj)


def _ask(hook: Hook, view: View, api: Cluster, place: str) -> bool:
    """Whether the webhook changed the object. Raises ApiError."""
    a = view.attributes
    is_changed = False
    try:
        response = _webhooks.call(hook, view, api, mutating=True)
        is_changed = _apply(hook, view, response, place)
    except CallFailed as e:
        error = _webhooks.failed(hook, e, a, f"failed-open.mutation.webhook.admission.k8s.io/{place}")
        if error is not None:
            raise error from None
    finally:
        a.context.annotations[f"mutation.webhook.admission.k8s.io/{place}"] = _note(hook, mutated=is_changed)
    return is_changed


def _note(hook: Hook, **more: object) -> str:
    return compact({"configuration": hook.configuration, "webhook": hook.name, **more}).decode()


def _apply(hook: Hook, view: View, response: Obj, place: str) -> bool:
    a = view.attributes
    if not response.get("patch"):
        return False
    import base64
    import binascii

    try:
        patch = loads(base64.b64decode(response["patch"], validate=True))
    except (binascii.Error, JSONError, TypeError, ValueError) as e:
        raise CallFailed(f"received undecodable patch in webhook response: {e}") from None
    if not isinstance(patch, list):
        raise CallFailed("received undecodable patch in webhook response: not a list of operations")
    if not patch:
        return False
    if response.get("patchType", "JSONPatch") != "JSONPatch":
        raise CallFailed(f'unsupported patch type "{response["patchType"]}"')
    before = view.obj
    if before is None:
        why = "attempted to modify the object, which is not supported for this operation"
        raise internal(f'admission webhook "{hook.name}" {why}')
    try:
        patched = decoded(view, json_patch.apply(loads(compact(before)), patch))
    except (json_patch.PatchError, schema.DecodeError) as e:
        raise internal(str(e)) from None
    a.context.annotations[f"patch.webhook.admission.k8s.io/{place}"] = _note(hook, patch=patch, patchType="JSONPatch")
    a.obj = view.taken_back(patched)
    return patched != before
