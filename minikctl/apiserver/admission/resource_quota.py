"""ResourceQuota: a request that would exceed a quota of its namespace is refused. How is in `_quota_charges.py`."""

from __future__ import annotations

from minikctl.apiserver.admission import Cluster, Plugin
from minikctl.apiserver.request import Attributes


def validate(a: Attributes, api: Cluster) -> None:
    if not a.namespace or a.obj is None:
        return
    quotas = api.read_all("resourcequotas", a.namespace)
    if quotas:
        from minikctl.apiserver.admission import _quota_charges

        _quota_charges.charge(quotas, a, api)


PLUGIN = Plugin("ResourceQuota", order=240, validate=validate, subresources=frozenset({"*"}))
