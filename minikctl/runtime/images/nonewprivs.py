"""nonewprivs: says as whom it runs. The real one is set-user-ID root; nothing in these sandboxes is, so that what it
says never shows more rights than the container was given."""

from minikctl.runtime.images import MIB, Image, Program, of_the_e2e_tests

IMAGES = (
    Image(
        names=of_the_e2e_tests("nonewprivs"),
        tags=r"1\.[0-4]",
        entrypoint=("/nnp",),
        programs={"/nnp": Program(host=("sh", "-c", 'echo "Effective uid: $(id -u)"'))},
        size=MIB,
    ),
)
