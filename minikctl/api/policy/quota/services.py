"""Services: their number, their node ports, and how many ask for a load balancer.

Source: Kubernetes `pkg/quota/v1/evaluator/core/services.go`.
"""

from __future__ import annotations

from datetime import datetime

from minikctl.api.meta import Obj
from minikctl.api.policy import amounts
from minikctl.api.policy.amounts import Amounts
from minikctl.api.policy.quota.measures import Measure, count_name

COUNT = count_name("services")
SERVICES, NODE_PORTS, LOAD_BALANCERS = "services", "services.nodeports", "services.loadbalancers"
_NAMES = frozenset({COUNT, SERVICES, NODE_PORTS, LOAD_BALANCERS})


def usage(service: Obj, _now: datetime) -> Amounts:
    spec = service.get("spec") or {}
    ports = spec.get("ports") or []
    node_ports = balancers = 0
    if spec.get("type") == "NodePort":
        node_ports = len(ports)
    elif spec.get("type") == "LoadBalancer":
        balancers = 1
        allotted = spec.get("allocateLoadBalancerNodePorts") is not False
        node_ports = len(ports) if allotted else sum(bool(p.get("nodePort")) for p in ports)
    return {COUNT: "1", SERVICES: "1", NODE_PORTS: str(node_ports), LOAD_BALANCERS: str(balancers)}


def _handles(operation: str, _subresource: str, _new: Obj, _old: Obj | None) -> bool:
    return operation in ("CREATE", "UPDATE")


def _shrinks(old: Obj, new: Obj, now: datetime) -> bool:
    return not amounts.equal(usage(old, now), usage(new, now))


MEASURE = Measure("services", _NAMES.__contains__, usage, _handles, shrinks=_shrinks)
