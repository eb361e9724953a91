"""Volumes of networks and drivers in a pod itself: accepted by the API, and refused here in one plain sentence."""

from __future__ import annotations

from pathlib import Path

from minikctl.api.meta import Obj
from minikctl.kubelet.volumes import Setting
from minikctl.kubelet.volumes._unserved import NETWORK, refuse

SOURCES = ("csi", *NETWORK)


def prepare(source: Obj, setting: Setting) -> Path:
    given = next(v for v in setting.pod["spec"]["volumes"] if v["name"] == setting.name)
    raise refuse(given if source else {}, setting.name)
