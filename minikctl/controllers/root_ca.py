"""root-ca-cert-publisher: every namespace has a ConfigMap `kube-root-ca.crt` with the API server's CA certificate.

Pods mount it to verify the API server. While no HTTP API is served there is no such certificate, and the ConfigMap
says so. Source: Kubernetes `pkg/controller/certificates/rootcacertpublisher`.
"""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, is_deleting, name, namespace, with_metadata
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.common.pod_control import is_namespace_terminating

NAME, KEY = "kube-root-ca.crt", "ca.crt"
DESCRIPTION = "kubernetes.io/description"
DESCRIPTION_TEXT = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)
NO_CA = "# The HTTP API of this cluster is not being served: there is no CA certificate.\n"


class RootCACertPublisher(Controller):
    name = "root-ca-cert-publisher"

    def setup(self) -> None:
        self.namespaces = self.watch("namespaces")
        self.config_maps = self.watch("configmaps", self._config_map_changed)

    def _config_map_changed(self, config_map: Obj) -> None:
        if name(config_map) == NAME:
            self.queue.add(namespace(config_map), cause_of(config_map))

    def sync(self, object_key: str) -> float | None:
        of = self.namespaces.by_key(object_key)
        if of is None or is_deleting(of):
            return None
        present = self.config_maps.get(NAME, object_key)
        if present is not None:
            self._correct(present)
            return None
        metadata = {"name": NAME, "annotations": {DESCRIPTION: DESCRIPTION_TEXT}}
        try:
            self.client.create("configmaps", {"metadata": metadata, "data": self._data()}, object_key)
        except ApiError as e:
            if e.reason != "AlreadyExists" and not is_namespace_terminating(e):
                raise
        return None

    def _data(self) -> dict[str, str]:
        return {KEY: str(self.context.settings.get("ca") or NO_CA)}

    def _correct(self, present: Obj) -> None:
        annotations = present["metadata"].get("annotations") or {}
        if present.get("data") == self._data() and annotations.get(DESCRIPTION) == DESCRIPTION_TEXT:
            return
        right = with_metadata(present, annotations={**annotations, DESCRIPTION: DESCRIPTION_TEXT})
        self.client.update("configmaps", {**right, "data": self._data()})


CONTROLLER = RootCACertPublisher
