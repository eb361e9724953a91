"""`kubectl edit`."""

from __future__ import annotations

from minikctl.kubectl import validation
from minikctl.kubectl.command import Command
from minikctl.kubectl.common_options import RECORD, SAVE_CONFIG, field_manager
from minikctl.kubectl.editing.modes import edit_live
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS

COMMAND = Command(
    name="edit",
    summary="Edit a resource on the server",
    group="Basic (Intermediate)",
    use="edit (RESOURCE/NAME | -f FILENAME)",
    description=(
        "Open objects in the editor that KUBE_EDITOR or EDITOR names (else vi) and write what was changed. Several "
        "objects stand in one file and are written one after the other. When the server refuses a change, the file is "
        "opened again with the reasons in it; when it cannot be written at all, a copy is kept."
    ),
    examples=(
        ("A service", "edit svc/registry"),
        ("In another editor", 'KUBE_EDITOR="nano" kubectl edit svc/registry'),
        ("As JSON, by a certain version of the API", "edit job.v1.batch/pi -o json"),
        ("And note the change for a later apply", "edit deployment/web --save-config"),
        ("The status", "edit deployment web --subresource=status"),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to edit"),
        RECORD,
        SAVE_CONFIG,
        validation.VALIDATE,
        field_manager("kubectl-edit"),
        Option("output-patch", BOOL, help="Show the patch that is sent."),
        Option("subresource", help="Edit this subresource."),
        Option("windows-line-endings", BOOL, help="Lines that end as on Windows."),
    ),
    run=edit_live,
    complete="resources",
)
