"""agnhost: the many small servers of Kubernetes' own tests and examples; one file each in `commands/`.

What is here and how it answers: Kubernetes' test/images/agnhost. SCTP, audit-proxy and the fake registries are not.
"""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program
from minikctl.runtime.images._applets import programs

HERE = Path(__file__).parent
CERTIFICATE = {f"/localhost.{kind}": (HERE / f"localhost.{kind}").read_text() for kind in ("crt", "key")}
"""For localhost, signed by itself. Its key is known to everybody: it proves nothing, as that of the real image."""

IMAGES = (
    Image(
        names=(
            "registry.k8s.io/e2e-test-images/agnhost",
            "k8s.gcr.io/e2e-test-images/agnhost",
            "us.gcr.io/k8s-artifacts-prod/e2e-test-images/agnhost",
            "gcr.io/kubernetes-e2e-test-images/agnhost",
        ),
        tags=r"(?:1\.0|2\.(?:[0-9]|[1-6][0-9]))(?:\.[0-9])?",
        entrypoint=("/agnhost",),
        cmd=("pause",),
        ports=(8080,),
        programs={
            **programs(),
            "/agnhost": Program(script=HERE / "server.py"),
            "/agnhost-2": Program(script=HERE / "second.py"),
        },
        files={"/uploads/": "", **CERTIFICATE},
        size=50 * MIB,
    ),
    Image(
        names=("registry.k8s.io/liveness", "k8s.gcr.io/liveness"),
        tags=r"latest|1\.[0-9]",
        entrypoint=("/agnhost", "liveness"),
        ports=(8080,),
        programs={
            "/agnhost": Program(script=HERE / "server.py"),
            "/server": Program(script=HERE / "server.py"),
        },
        size=5 * MIB,
    ),
)
