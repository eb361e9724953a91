"""generic-garbage-collector: deletes what has lost its owners."""

from minikctl.controllers.garbage_collector.controller import GarbageCollector

__all__ = ["GarbageCollector"]

CONTROLLER = GarbageCollector
