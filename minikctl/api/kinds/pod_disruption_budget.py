"""PodDisruptionBudget."""

from minikctl.api.kind import Kind

KIND = Kind(
    group="policy",
    version="v1",
    kind="PodDisruptionBudget",
    plural="poddisruptionbudgets",
    type="policy/v1.PodDisruptionBudget",
    short_names=("pdb",),
    subresources=("status",),
    has_generation=True,
)
