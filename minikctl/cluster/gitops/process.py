"""The process `minikctl: gitops`."""

from __future__ import annotations

import logging
from pathlib import Path

from minikctl.client.informer import InformerFactory
from minikctl.client.local import LocalClient
from minikctl.client.state_dir import Cluster
from minikctl.cluster.gitops import application, controller
from minikctl.controllers.base import Context
from minikctl.util.signals import StopSignal

log = logging.getLogger("gitops")
ACTOR = "argocd-application-controller"


def run(state_dir: Path, cluster: Cluster) -> None:
    """Serve the Applications of a cluster until SIGTERM."""
    stop = StopSignal()
    client = LocalClient.open(str(state_dir), actor=ACTOR, fsync=cluster.fsync, create=False)
    while client.kind(application.APPLICATIONS) is None:  # somebody has deleted the definition
        if stop.wait_for(1.0):
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
