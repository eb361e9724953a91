"""ControllerRevision."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="apps",
    version="v1",
    kind="ControllerRevision",
    plural="controllerrevisions",
    type="apps/v1.ControllerRevision",
)
