"""The process `minikctl: gitops`."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from minikctl.api.errors import ApiError
from minikctl.client.informer import InformerFactory
from minikctl.client.local import LocalClient
from minikctl.client.state_dir import Cluster
from minikctl.cluster.gitops import controller, definitions
from minikctl.controllers.base import Context
from minikctl.util.signals import StopSignal

log = logging.getLogger("gitops")
ACTOR = "argocd-application-controller"
SECONDS = 20.0


def run(state_dir: Path, cluster: Cluster) -> None:
    """Serve the Applications of a cluster until SIGTERM."""
    stop = StopSignal()
    client = LocalClient.open(str(state_dir), actor=ACTOR, fsync=cluster.fsync, create=False)
    install(client)
    deadline = time.monotonic() + SECONDS
    while client.kind(controller.APPLICATIONS) is None and time.monotonic() < deadline:
        if stop.wait_for(0.05):
            return
    informers = InformerFactory(client)
    applications = controller.of_state_dir(state_dir)(Context(client, informers))
    informers.start()
    informers.wait_for_sync()
    applications.start()
    log.info("Applications are served")
    stop.wait()
    applications.stop()
    informers.stop()
    client.close()


def install(client: LocalClient) -> None:
    """What the addon consists of, as far as it is missing."""
    for obj in definitions.objects():
        kind = client.kind_of(obj["apiVersion"], obj["kind"])
        deadline = time.monotonic() + SECONDS
        while kind is None and time.monotonic() < deadline:  # its definition is being taken up
            time.sleep(0.02)
            kind = client.kind_of(obj["apiVersion"], obj["kind"])
        if kind is None:
            raise RuntimeError(f"the kind {obj['kind']} is not served")
        try:
            client.create(kind, obj)
        except ApiError as e:
            if e.reason != "AlreadyExists":
                raise
