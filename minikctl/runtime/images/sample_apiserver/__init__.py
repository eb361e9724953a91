"""sample-apiserver: an API server for the group wardle.example.com, to be registered behind the cluster's own.

As Kubernetes' staging/src/k8s.io/sample-apiserver: it keeps its objects in an etcd, believes the front proxy of the
cluster who is asking, and asks the cluster whether they may. Server-side apply and JSON patches are not here.
"""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program, of_the_e2e_tests

IMAGES = (
    Image(
        names=of_the_e2e_tests("sample-apiserver"),
        tags=r"1\.[0-9]+(?:\.[0-9]+)?",
        entrypoint=("/sample-apiserver", "--etcd-servers=http://localhost:2379"),
        ports=(443,),
        programs={"/sample-apiserver": Program(script=Path(__file__).with_name("server.py"))},
        size=60 * MIB,
    ),
)
