"""Images that people look into networks with: the host's programs, and ours for what it lacks."""

from minikctl.runtime.images import MIB, Image, docker
from minikctl.runtime.images._applets import programs

IMAGES = (
    Image(
        names=(
            "registry.k8s.io/e2e-test-images/jessie-dnsutils",
            "k8s.gcr.io/e2e-test-images/jessie-dnsutils",
            "gcr.io/kubernetes-e2e-test-images/dnsutils",
            "gcr.io/kubernetes-e2e-test-images/jessie-dnsutils",
        ),
        tags=r"1\.[0-9]",
        cmd=("/bin/bash",),
        programs=programs(),
        requires=("bash",),
        size=100 * MIB,
    ),
    Image(
        names=(*docker("tutum/dnsutils"), *docker("infoblox/dnstools")),
        tags=r"latest",
        cmd=("/bin/sh",),
        programs=programs(),
        size=70 * MIB,
    ),
    Image(
        names=(*docker("nicolaka/netshoot"), "ghcr.io/nicolaka/netshoot"),
        tags=r"latest|v0\.[0-9]{1,2}",
        cmd=("/bin/bash",),
        programs=programs(),
        requires=("bash",),
        size=200 * MIB,
    ),
)
