"""`minikctl app`: Applications of the addon gitops."""

from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> int | None:
    from minikctl.kubectl.group import run_group

    return run_group(__name__)(call)


COMMAND = Command(
    name="app",
    group="Cluster Commands (Beginner)",
    summary="Synchronize Applications with their Git repositories, and roll them back",
    use="app (sync | history | rollback)",
    description=(
        "Synchronize Applications with their Git repositories, and roll them back.\n\n"
        "Applications (argoproj.io/v1alpha1) are served by the addon gitops: `minikctl cluster addons enable gitops`. "
        "They live in the namespace argocd, unless -n says otherwise."
    ),
    run=run,
)
