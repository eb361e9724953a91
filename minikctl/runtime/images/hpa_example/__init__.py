"""hpa-example: the web server of Kubernetes' HorizontalPodAutoscaler walk-through; each request costs CPU."""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program

IMAGES = (
    Image(
        names=("registry.k8s.io/hpa-example", "k8s.gcr.io/hpa-example", "gcr.io/google_containers/hpa-example"),
        tags=r"latest",
        cmd=("apache2-foreground",),
        ports=(80,),
        programs={"/usr/local/bin/apache2-foreground": Program(script=Path(__file__).with_name("server.py"))},
        working_dir="/var/www/html",
        size=180 * MIB,
    ),
)
