"""What ValidatingAdmissionWebhook does: others may refuse a request. All that it concerns are asked at the same time."""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.apiserver.admission import VALIDATING_WEBHOOKS, Cluster, _webhooks
from minikctl.apiserver.admission._requests import View
from minikctl.apiserver.admission._webhooks import CallFailed, Hook
from minikctl.apiserver.request import Attributes


def validate(a: Attributes, api: Cluster) -> None:
    found = list(_webhooks.hooks(VALIDATING_WEBHOOKS, a, api))
    concerned = [(hook, view) for hook in found if (view := _webhooks.concerned(hook, a, api)) is not None]
    if not concerned:
        return
    if len(concerned) == 1:
        errors = [_ask(*concerned[0], api, 0)]
    else:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(len(concerned), 16)) as pool:
            errors = list(pool.map(lambda n: _ask(*concerned[n], api, n), range(len(concerned))))
    for error in errors:
        if error is not None:
            raise error


def _ask(hook: Hook, view: View, api: Cluster, place: int) -> ApiError | None:
    try:
        _webhooks.call(hook, view, api, mutating=False)
    except ApiError as e:
        return e
    except CallFailed as e:
        note = f"failed-open.validating.webhook.admission.k8s.io/round_0_index_{place}"
        return _webhooks.failed(hook, e, view.attributes, note)
    return None
