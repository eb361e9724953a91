"""fluentd and Fluent Bit: read log files and write their lines to the output. Other outputs are not here."""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program

_PROGRAM = Program(script=Path(__file__).with_name("server.py"))

IMAGES = (
    Image(
        names=(
            "docker.io/fluent/fluentd",
            "docker.io/fluent/fluentd-kubernetes-daemonset",
            "quay.io/fluentd_elasticsearch/fluentd",
            "registry.k8s.io/fluentd-gcp",
            "registry.k8s.io/fluentd-elasticsearch",
            "k8s.gcr.io/fluentd-elasticsearch",
            "gcr.io/google-containers/fluentd-elasticsearch",
        ),
        tags=r"latest|edge|v?[1-9](?:\.[0-9]{1,2}){0,2}(?:-[a-z0-9.-]+)?",
        entrypoint=("fluentd",),
        programs={"/usr/local/bin/fluentd": _PROGRAM},
        reads=("/var/log",),
        size=160 * MIB,
    ),
    Image(
        names=(
            "docker.io/fluent/fluent-bit",
            "cr.fluentbit.io/fluent/fluent-bit",
            "ghcr.io/fluent/fluent-bit",
            "public.ecr.aws/aws-observability/aws-for-fluent-bit",
        ),
        tags=r"latest|stable|[1-5](?:\.[0-9]{1,2}){0,2}(?:-[a-z0-9.-]+)?",
        entrypoint=("/fluent-bit/bin/fluent-bit",),
        cmd=("-c", "/fluent-bit/etc/fluent-bit.conf"),
        programs={"/fluent-bit/bin/fluent-bit": _PROGRAM},
        reads=("/var/log",),
        size=90 * MIB,
    ),
)
