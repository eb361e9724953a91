"""`kubectl apply edit-last-applied`."""

from __future__ import annotations

from minikctl.kubectl import validation
from minikctl.kubectl.command import Command
from minikctl.kubectl.common_options import RECORD, field_manager
from minikctl.kubectl.editing.modes import edit_last_applied
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS

COMMAND = Command(
    name="edit-last-applied",
    summary="Edit latest last-applied-configuration annotations of a resource/object",
    use="apply edit-last-applied (RESOURCE/NAME | -f FILENAME)",
    description=(
        "Open the configuration that was applied last in the editor that KUBE_EDITOR or EDITOR names (else vi). Only "
        "the annotation is written; the object itself stays as it is until the next apply."
    ),
    examples=(
        ("Of a Deployment", "apply edit-last-applied deployment/web"),
        ("Of what a file names, as JSON", "apply edit-last-applied -f web.yaml -o json"),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to edit"),
        RECORD,
        validation.VALIDATE,
        field_manager("kubectl-client-side-apply"),
        Option("windows-line-endings", BOOL, help="Lines that end as on Windows."),
    ),
    run=edit_last_applied,
    complete="resources",
)
