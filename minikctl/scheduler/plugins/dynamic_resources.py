"""DynamicResources: pods with resource claims. There are none here yet, so it has only its word in failure messages."""

from collections.abc import Mapping

from minikctl.scheduler.framework import CycleState, Plugin, Status, unschedulable
from minikctl.scheduler.node_info import PodInfo


def post_filter(_cycle: CycleState, _pod: PodInfo, _statuses: Mapping[str, Status]) -> tuple[str | None, Status]:
    return None, unschedulable("no new claims to deallocate")


PLUGIN = Plugin("DynamicResources", order=140, post_filter=post_filter)
