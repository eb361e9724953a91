"""Binding claims to volumes."""

from minikctl.controllers.persistent_volume.controller import PersistentVolumeController

CONTROLLER = PersistentVolumeController

__all__ = ["CONTROLLER"]
