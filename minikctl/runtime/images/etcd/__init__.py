"""etcd: the key-value store, as far as its JSON gateway goes; in memory, one member, no leases, watches or transactions.

Who speaks gRPC to it gets no answer. There for what has it in its pod, as Kubernetes' sample API server.
"""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program

SERVER = Program(script=Path(__file__).with_name("server.py"))

IMAGES = (
    Image(
        names=("registry.k8s.io/etcd", "quay.io/coreos/etcd", "gcr.io/etcd-development/etcd"),
        tags=r"v?3\.[0-9]+\.[0-9]+(?:-[0-9]+)?",
        cmd=("/usr/local/bin/etcd",),
        ports=(2379, 2380),
        programs={"/usr/local/bin/etcd": SERVER},
        size=60 * MIB,
    ),
)
