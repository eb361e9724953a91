"""agnhost: the many small servers of Kubernetes' own tests and examples; one file each in `commands/`.

What is here and how it answers: Kubernetes' test/images/agnhost. SCTP, audit-proxy and the fake registries are not.
"""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program
from minikctl.runtime.images._applets import programs

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
            "/agnhost": Program(script=Path(__file__).with_name("server.py")),
            "/agnhost-2": Program(script=Path(__file__).with_name("second.py")),
        },
        files={"/uploads/": ""},
        size=50 * MIB,
    ),
    Image(
        names=("registry.k8s.io/liveness", "k8s.gcr.io/liveness"),
        tags=r"latest|1\.[0-9]",
        entrypoint=("/agnhost", "liveness"),
        ports=(8080,),
        programs={
            "/agnhost": Program(script=Path(__file__).with_name("server.py")),
            "/server": Program(script=Path(__file__).with_name("server.py")),
        },
        size=5 * MIB,
    ),
)
