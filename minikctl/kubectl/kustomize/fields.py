"""Fields that kustomize knows: where labels, names, images and references stand in which kinds.

A path's parts go through lists as well as through objects; `[]` says that a list must be there.
Source: kustomize `api/internal/konfig/builtinpluginconsts`, `api/filters/fieldspec`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minikctl.api.meta import Obj
from minikctl.kubectl.kustomize.resource import Gvk, Resource
from minikctl.util.errors import UsageError

Place = Callable[[Any, Any], None]
"""(container, key): what to do with the value that stands there."""


@dataclass(frozen=True)
class Field:
    """A path in some kinds. `create`: make what is missing on the way."""

    path: str
    kind: str = ""
    group: str = ""
    version: str = ""
    create: bool = False

    @property
    def gvk(self) -> Gvk:
        return Gvk(self.group, self.version, self.kind)

    @classmethod
    def of(cls, data: Obj) -> Field:
        """As a kustomization file says it."""
        names = ("path", "kind", "group", "version")
        return cls(**{n: str(data.get(n) or "") for n in names}, create=bool(data.get("create")))


def split(path: str, by: str = "/") -> list[str]:
    """`a/b\\/c` → a, b/c."""
    parts = path.split(by)
    parts = parts[1:] if len(parts) > 1 and not parts[0] else parts
    out = [parts[0]]
    for part in parts[1:]:
        if out[-1].endswith("\\"):
            out[-1] = out[-1][:-1] + by + part
        else:
            out.append(part)
    return out


def visit(resource: Resource, field: Field, place: Place, leaf: type | None = None) -> None:
    """Do something at every place that the field means, in a resource of its kind. Raises UsageError.

    leaf: what stands at the end of a path that is created (`dict`, `str`); None to create nothing.
    """
    if not field.gvk.selects(resource.gvk):
        return
    try:
        _visit(resource.data, split(field.path), field.create and leaf is not None, leaf, place)
    except UsageError as e:
        raise UsageError(f"considering field '{field.path}' of object {resource.id}: {e.message}") from None


def _visit(obj: Any, path: list[str], create: bool, leaf: type | None, place: Place) -> None:
    if obj is None:
        return
    if isinstance(obj, list):
        for item in obj:
            _visit(item, path, create, leaf, place)
        return
    if not isinstance(obj, dict):
        raise UsageError("expected sequence or mapping node")
    name, below = path[0].removesuffix("[]"), path[1:]
    is_list = name != path[0]
    if not name:
        raise UsageError("cannot set or create an empty field name")
    if obj.get(name) is None:
        made = [] if is_list else leaf() if leaf and not below else {}
        if is_list or not create:
            if name not in obj or below:
                return
        else:
            obj[name] = made
    if below:
        _visit(obj[name], below, create, leaf, place)
    else:
        place(obj, name)


# ---------------------------------------------------------------------- what is where


def _each(path: str, *kinds: str, group: str = "", version: str = "", create: bool = True) -> list[Field]:
    return [Field(path, k, group, version, create) for k in kinds]


def _template(what: str) -> list[Field]:
    """metadata/labels or metadata/annotations: of everything, and of the templates in workloads."""
    group = "apps" if what == "metadata/labels" else ""
    claims = [Field("spec/volumeClaimTemplates[]/metadata/labels", "StatefulSet", "apps", create=True)] if group else []
    return [
        Field(what, create=True),
        *_each(f"spec/template/{what}", "ReplicationController", version="v1"),
        *_each(f"spec/template/{what}", "Deployment", "ReplicaSet", "DaemonSet"),
        *_each(f"spec/template/{what}", "StatefulSet", group=group),
        *claims,
        *_each(f"spec/template/{what}", "Job", group="batch"),
        *_each(f"spec/jobTemplate/{what}", "CronJob", group="batch"),
        *_each(f"spec/jobTemplate/spec/template/{what}", "CronJob", group="batch"),
    ]


ANNOTATIONS = _template("metadata/annotations")
TEMPLATE_LABELS = _template("metadata/labels")
_AFFINITY = "spec/template/spec/affinity"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels"
_IN_PODS = [
    *(f"{_AFFINITY}/{a}/{term}" for a in ("podAffinity", "podAntiAffinity") for term in (_PREFERRED, _REQUIRED)),
    "spec/template/spec/topologySpreadConstraints/labelSelector/matchLabels",
]
_MATCH = "spec/selector/matchLabels"
_POLICY = ("spec/podSelector", "spec/ingress/from/podSelector", "spec/egress/to/podSelector")
COMMON_LABELS = [
    *_each("spec/selector", "Service", "ReplicationController", version="v1"),
    *_each(_MATCH, "Deployment", "ReplicaSet", "DaemonSet"),
    *_each(_MATCH, "StatefulSet", group="apps"),
    *(f for path in _IN_PODS for f in _each(path, "Deployment", "StatefulSet", group="apps", create=False)),
    *_each(_MATCH, "Job", group="batch", create=False),
    *_each("spec/jobTemplate/spec/selector/matchLabels", "CronJob", group="batch", create=False),
    *_each(_MATCH, "PodDisruptionBudget", group="policy", create=False),
    *(f for p in _POLICY for f in _each(f"{p}/matchLabels", "NetworkPolicy", group="networking.k8s.io", create=False)),
    *TEMPLATE_LABELS,
]
IMAGES = [
    Field(f"{spec}/{path}", create=True)
    for spec in ("spec", "spec/template/spec")
    for path in ("containers[]/image", "initContainers[]/image", "volumes[]/image/reference")
]
NAMESPACE = [
    Field("metadata/name", "Namespace", create=True),
    Field("spec/service/namespace", "APIService", "apiregistration.k8s.io", create=True),
    Field("spec/conversion/webhook/clientConfig/service/namespace", "CustomResourceDefinition", "apiextensions.k8s.io"),
]
REPLICAS = _each("spec/replicas", "Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")

# ---------------------------------------------------------------------- who names whom

_WORKLOADS = ("Deployment", "ReplicaSet", "DaemonSet", "StatefulSet", "Job")
_POD_SPECS = {
    "Pod": "spec",
    "PodTemplate": "template/spec",
    **dict.fromkeys(_WORKLOADS, "spec/template/spec"),
    "CronJob": "spec/jobTemplate/spec/template/spec",
}
_WITH_ACCOUNTS = ("Pod", "StatefulSet", "Deployment", "CronJob", "Job", "DaemonSet")
_KEYED = ("containers/env/valueFrom", "initContainers/env/valueFrom")
_WHOLE = ("containers/envFrom", "initContainers/envFrom")
_CONFIG_MAPS = (
    "volumes/configMap/name",
    *(f"{p}/configMapKeyRef/name" for p in _KEYED),
    *(f"{p}/configMapRef/name" for p in _WHOLE),
    "volumes/projected/sources/configMap/name",
)
_SECRETS = (
    "volumes/secret/secretName",
    *(f"{p}/secretKeyRef/name" for p in _KEYED),
    *(f"{p}/secretRef/name" for p in _WHOLE),
    "imagePullSecrets/name",
    "volumes/projected/sources/secret/name",
)
_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"


def _in_pods(*paths: str) -> list[Field]:
    return [
        Field(f"{spec}/{path}", kind, version="v1" if kind == "Pod" else "")
        for kind, spec in _POD_SPECS.items()
        for path in paths
    ]


def _in_pod_specs(path: str) -> list[Field]:
    fields = [Field(f"{_POD_SPECS[kind]}/{path}", kind) for kind in _WITH_ACCOUNTS]
    return [*fields, Field(f"spec/template/spec/{path}", "ReplicationController")]


_SCALED = [Field("spec/scaleTargetRef/name", "HorizontalPodAutoscaler")]
_NGINX = "metadata/annotations/nginx.ingress.kubernetes.io\\/"
REFERENCES: list[tuple[Gvk, list[Field]]] = [
    *((Gvk(kind=k), _SCALED) for k in ("Deployment", "ReplicationController", "ReplicaSet", "StatefulSet")),
    (
        Gvk("", "v1", "ConfigMap"),
        [
            *_in_pods(*_CONFIG_MAPS),
            Field("spec/configSource/configMap", "Node"),
            Field("rules/resourceNames", "Role"),
            Field("rules/resourceNames", "ClusterRole"),
            Field(f"{_NGINX}fastcgi-params-configmap", "Ingress"),
        ],
    ),
    (
        Gvk("", "v1", "Secret"),
        [
            *_in_pods(*_SECRETS),
            Field("spec/tls/secretName", "Ingress"),
            Field("metadata/annotations/ingress.kubernetes.io\\/auth-secret", "Ingress"),
            Field(f"{_NGINX}auth-secret", "Ingress"),
            Field(f"{_NGINX}auth-tls-secret", "Ingress"),
            Field("imagePullSecrets/name", "ServiceAccount"),
            *(
                Field(f"parameters/{p}", "StorageClass")
                for p in ("secretName", "adminSecretName", "userSecretName", "secretRef")
            ),
            Field("rules/resourceNames", "Role"),
            Field("rules/resourceNames", "ClusterRole"),
            Field(
                "spec/template/spec/containers/env/valueFrom/secretKeyRef/name", "Service", "serving.knative.dev", "v1"
            ),
            Field("spec/azureFile/secretName", "PersistentVolume"),
        ],
    ),
    (
        Gvk("", "v1", "Service"),
        [
            Field("spec/serviceName", "StatefulSet", "apps"),
            Field("spec/rules/http/paths/backend/serviceName", "Ingress"),
            Field("spec/backend/serviceName", "Ingress"),
            Field("spec/rules/http/paths/backend/service/name", "Ingress"),
            Field("spec/defaultBackend/service/name", "Ingress"),
            Field("spec/service/name", "APIService", "apiregistration.k8s.io"),
            Field("webhooks/clientConfig/service", "ValidatingWebhookConfiguration", _ADMISSION),
            Field("webhooks/clientConfig/service", "MutatingWebhookConfiguration", _ADMISSION),
        ],
    ),
    (Gvk(_RBAC, "", "Role"), [Field("roleRef/name", "RoleBinding", _RBAC)]),
    (
        Gvk(_RBAC, "", "ClusterRole"),
        [Field("roleRef/name", "RoleBinding", _RBAC), Field("roleRef/name", "ClusterRoleBinding", _RBAC)],
    ),
    (
        Gvk("", "v1", "ServiceAccount"),
        [
            Field("subjects", "RoleBinding", _RBAC),
            Field("subjects", "ClusterRoleBinding", _RBAC),
            *_in_pod_specs("serviceAccountName"),
        ],
    ),
    (Gvk("", "v1", "PersistentVolumeClaim"), _in_pod_specs("volumes/persistentVolumeClaim/claimName")),
    (
        Gvk("", "v1", "PersistentVolume"),
        [Field("spec/volumeName", "PersistentVolumeClaim"), Field("rules/resourceNames", "ClusterRole")],
    ),
    (
        Gvk("storage.k8s.io", "v1", "StorageClass"),
        [
            Field("spec/storageClassName", "PersistentVolume"),
            Field("spec/storageClassName", "PersistentVolumeClaim"),
            Field("spec/volumeClaimTemplates/spec/storageClassName", "StatefulSet"),
        ],
    ),
    (Gvk("scheduling.k8s.io", "v1", "PriorityClass"), _in_pod_specs("priorityClassName")),
    (
        Gvk(_ADMISSION, "", "ValidatingAdmissionPolicy"),
        [Field("spec/policyName", "ValidatingAdmissionPolicyBinding", _ADMISSION)],
    ),
]
"""(the kind that is named, the fields that name it)."""
