"""The ClusterRoles and ClusterRoleBindings that every Kubernetes cluster starts with.

Source: Kubernetes concept "Using RBAC authorization", default roles and role bindings. The roles of single controllers
are left out: here all components of the control plane belong to `system:masters`.
"""

from __future__ import annotations

from minikctl.api.meta import Obj

GROUP = "rbac.authorization.k8s.io"
READ = "get list watch"
WRITE = "create delete deletecollection patch update"
REPORT = "create patch update"
LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
ANNOTATIONS = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
EVENTS = "events.k8s.io"


def rule(verbs: str, groups: str, resources: str, *, names: str = "") -> Obj:
    """A rule on resources; every text is a list of words, and the group `core` is the one without a name."""
    listed = [("" if g == "core" else g) for g in groups.split()]
    out: Obj = {"verbs": verbs.split(), "apiGroups": listed, "resources": resources.split()}
    return out | ({"resourceNames": names.split()} if names else {})


def urls(verbs: str, paths: str) -> Obj:
    return {"verbs": verbs.split(), "nonResourceURLs": paths.split()}


_EVENT_REPORTS = rule(REPORT, f"core {EVENTS}", "events")
_TOKEN_CHECKS = [
    rule("create", "authentication.k8s.io", "tokenreviews"),
    rule("create", "authorization.k8s.io", "subjectaccessreviews"),
]


def _leader(name: str) -> list[Obj]:
    """An elected component: its events and its Lease."""
    leases = "coordination.k8s.io"
    return [_EVENT_REPORTS, rule("create", leases, "leases"), rule("get update", leases, "leases", names=name)]


def _signer(name: str) -> list[Obj]:
    return [rule("approve", "certificates.k8s.io", "signers", names=f"kubernetes.io/{name}")]


def _request(kind: str) -> list[Obj]:
    return [rule("create", "certificates.k8s.io", f"certificatesigningrequests/{kind}")]


_VIEW = [
    rule(
        READ,
        "core",
        "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers "
        "replicationcontrollers/scale serviceaccounts services services/status",
    ),
    rule(
        READ,
        "core",
        "bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status "
        "resourcequotas resourcequotas/status",
    ),
    rule(READ, "core", "namespaces"),
    rule(READ, "discovery.k8s.io", "endpointslices"),
    rule(
        READ,
        "apps",
        "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets "
        "replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
    ),
    rule(READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
    rule(READ, "batch", "cronjobs cronjobs/status jobs jobs/status"),
    rule(
        READ,
        "extensions",
        "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status "
        "networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale",
    ),
    rule(READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
    rule(READ, "networking.k8s.io", "ingresses ingresses/status networkpolicies"),
]

_EDIT = [
    rule(READ, "core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"),
    rule("impersonate", "core", "serviceaccounts"),
    rule(WRITE, "core", "pods pods/attach pods/exec pods/portforward pods/proxy"),
    rule("create", "core", "pods/eviction"),
    rule(
        WRITE,
        "core",
        "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets "
        "serviceaccounts services services/proxy",
    ),
    rule("create", "core", "serviceaccounts/token"),
    rule(
        WRITE,
        "apps",
        "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets "
        "statefulsets/scale",
    ),
    rule(WRITE, "autoscaling", "horizontalpodautoscalers"),
    rule(WRITE, "batch", "cronjobs jobs"),
    rule(
        WRITE,
        "extensions",
        "daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets "
        "replicasets/scale replicationcontrollers/scale",
    ),
    rule(WRITE, "policy", "poddisruptionbudgets"),
    rule(WRITE, "networking.k8s.io", "ingresses networkpolicies"),
    rule(f"{WRITE} {READ}", "coordination.k8s.io", "leases"),
]

_ADMIN = [
    rule("create", "authorization.k8s.io", "localsubjectaccessreviews"),
    rule(f"{WRITE} {READ}", GROUP, "rolebindings roles"),
]

_NODE = [
    rule("create", "authentication.k8s.io", "tokenreviews"),
    rule("create", "authorization.k8s.io", "localsubjectaccessreviews subjectaccessreviews"),
    rule(READ, "core", "services"),
    rule(f"create {READ}", "core", "nodes"),
    rule("patch update", "core", "nodes/status"),
    rule("patch update", "core", "nodes"),
    rule(REPORT, "core", "events"),
    rule(READ, "core", "pods"),
    rule("create delete", "core", "pods"),
    rule("patch update", "core", "pods/status"),
    rule("create", "core", "pods/eviction"),
    rule(READ, "core", "configmaps secrets"),
    rule("get", "core", "persistentvolumeclaims persistentvolumes"),
    rule("get", "core", "endpoints"),
    rule(f"create {READ}", "certificates.k8s.io", "certificatesigningrequests"),
    rule("create delete get patch update", "coordination.k8s.io", "leases"),
    rule("get", "storage.k8s.io", "volumeattachments"),
    rule("create", "core", "serviceaccounts/token"),
    rule("get patch update", "core", "persistentvolumeclaims/status"),
    rule(READ, "storage.k8s.io", "csidrivers"),
    rule("create delete get patch update", "storage.k8s.io", "csinodes"),
    rule(READ, "node.k8s.io", "runtimeclasses"),
]

_SCHEDULER = [
    *_leader("kube-scheduler"),
    rule(READ, "core", "nodes"),
    rule(f"delete {READ}", "core", "pods"),
    rule("create", "core", "bindings pods/binding"),
    rule("patch update", "core", "pods/status"),
    rule(READ, "core", "replicationcontrollers services"),
    rule(READ, "apps extensions", "replicasets"),
    rule(READ, "apps", "statefulsets"),
    rule(READ, "policy", "poddisruptionbudgets"),
    rule(READ, "core", "persistentvolumeclaims persistentvolumes"),
    *_TOKEN_CHECKS,
    rule(READ, "storage.k8s.io", "csinodes"),
    rule(READ, "core", "namespaces"),
    rule(READ, "storage.k8s.io", "csidrivers"),
    rule(READ, "storage.k8s.io", "csistoragecapacities"),
    rule(READ, "storage.k8s.io", "volumeattachments"),
]

_CONTROLLER_MANAGER = [
    *_leader("kube-controller-manager"),
    rule("create", "core", "secrets serviceaccounts"),
    rule("delete", "core", "secrets"),
    rule("get", "core", "configmaps namespaces secrets serviceaccounts"),
    rule("update", "core", "secrets serviceaccounts"),
    *_TOKEN_CHECKS,
    rule("list watch", "*", "*"),
    rule("create", "core", "serviceaccounts/token"),
]

RULES: dict[str, list[Obj]] = {
    "cluster-admin": [rule("*", "*", "*"), urls("*", "*")],
    "system:aggregate-to-admin": _ADMIN,
    "system:aggregate-to-edit": _EDIT,
    "system:aggregate-to-view": _VIEW,
    "system:auth-delegator": _TOKEN_CHECKS,
    "system:basic-user": [
        rule("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
        rule("create", "authentication.k8s.io", "selfsubjectreviews"),
    ],
    "system:certificates.k8s.io:certificatesigningrequests:nodeclient": _request("nodeclient"),
    "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient": _request("selfnodeclient"),
    "system:certificates.k8s.io:kube-apiserver-client-approver": _signer("kube-apiserver-client"),
    "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver": _signer("kube-apiserver-client-kubelet"),
    "system:certificates.k8s.io:kubelet-serving-approver": _signer("kubelet-serving"),
    "system:certificates.k8s.io:legacy-unknown-approver": _signer("legacy-unknown"),
    "system:discovery": [
        urls("get", "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/")
    ],
    "system:kube-aggregator": [rule(READ, "core", "endpoints services")],
    "system:kube-controller-manager": _CONTROLLER_MANAGER,
    "system:kube-dns": [rule("list watch", "core", "endpoints services")],
    "system:kube-scheduler": _SCHEDULER,
    "system:kubelet-api-admin": [
        rule(READ, "core", "nodes"),
        rule("proxy", "core", "nodes"),
        rule(
            "*",
            "core",
            "nodes/configz nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy nodes/stats",
        ),
    ],
    "system:monitoring": [urls("get", "/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*")],
    "system:node": _NODE,
    "system:node-bootstrapper": [rule(f"create {READ}", "certificates.k8s.io", "certificatesigningrequests")],
    "system:node-problem-detector": [
        rule("get", "core", "nodes"),
        rule("patch", "core", "nodes/status"),
        _EVENT_REPORTS,
    ],
    "system:node-proxier": [
        rule("list watch", "core", "endpoints services"),
        rule(READ, "core", "nodes"),
        _EVENT_REPORTS,
        rule("list watch", "discovery.k8s.io", "endpointslices"),
    ],
    "system:persistent-volume-provisioner": [
        rule(f"create delete {READ}", "core", "persistentvolumes"),
        rule(f"{READ} update", "core", "persistentvolumeclaims"),
        rule(READ, "storage.k8s.io", "storageclasses"),
        rule("watch", "core", "events"),
        _EVENT_REPORTS,
    ],
    "system:public-info-viewer": [urls("get", "/healthz /livez /readyz /version /version/")],
    "system:service-account-issuer-discovery": [
        urls("get", "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks")
    ],
    "system:volume-scheduler": [
        rule(f"{READ} patch update", "core", "persistentvolumes"),
        rule(READ, "storage.k8s.io", "storageclasses"),
        rule(f"{READ} patch update", "core", "persistentvolumeclaims"),
    ],
}

AGGREGATED = {"view": "edit", "edit": "admin", "admin": ""}
"""The roles made of others, and the one that each is in turn a part of."""

SUBJECTS: dict[str, str] = {
    "cluster-admin": "Group/system:masters",
    "system:basic-user": "Group/system:authenticated",
    "system:discovery": "Group/system:authenticated",
    "system:kube-controller-manager": "User/system:kube-controller-manager",
    "system:kube-dns": "ServiceAccount/kube-dns",
    "system:kube-scheduler": "User/system:kube-scheduler",
    "system:monitoring": "Group/system:monitoring",
    "system:node": "",
    "system:node-proxier": "User/system:kube-proxy",
    "system:public-info-viewer": "Group/system:authenticated Group/system:unauthenticated",
    "system:service-account-issuer-discovery": "Group/system:serviceaccounts",
    "system:volume-scheduler": "User/system:kube-scheduler",
}
"""Role → who has it. Nodes have theirs by authorization of their own kind, not by this binding."""


def _metadata(name: str, part_of: str = "") -> Obj:
    labels = {f"{GROUP}/aggregate-to-{part_of}": "true"} if part_of else {}
    return {"name": name, "labels": LABELS | labels, "annotations": dict(ANNOTATIONS)}


def cluster_roles() -> list[Obj]:
    """All default ClusterRoles, those made of others with the rules that they come to have."""
    roles = []
    for name, rules in RULES.items():
        part_of = name.removeprefix("system:aggregate-to-") if name.startswith("system:aggregate-to-") else ""
        roles.append({"metadata": _metadata(name, part_of), "rules": rules})
    rules_of = {"view": _VIEW, "edit": [*_EDIT, *_VIEW], "admin": [*_EDIT, *_VIEW, *_ADMIN]}
    for name, part_of in AGGREGATED.items():
        selector = {"matchLabels": {f"{GROUP}/aggregate-to-{name}": "true"}}
        roles.append(
            {
                "metadata": _metadata(name, part_of),
                "aggregationRule": {"clusterRoleSelectors": [selector]},
                "rules": rules_of[name],
            }
        )
    return roles


AUTHENTICATION_READER = "extension-apiserver-authentication-reader"


def cluster_role_bindings() -> list[Obj]:
    """All default ClusterRoleBindings, each called as its role."""
    bindings = []
    for name, subjects in SUBJECTS.items():
        binding: Obj = {
            "metadata": _metadata(name),
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
        }
        if subjects:
            binding["subjects"] = [_subject(*text.split("/", 1)) for text in subjects.split()]
        bindings.append(binding)
    return bindings


def authentication_reader() -> Obj:
    """The Role in kube-system for API servers behind this one: how these see who is asking."""
    reads = {"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["configmaps"]}
    return {
        "metadata": {**_metadata(AUTHENTICATION_READER), "namespace": "kube-system"},
        "rules": [{**reads, "resourceNames": ["extension-apiserver-authentication"]}],
    }


def _subject(kind: str, name: str) -> Obj:
    if kind == "ServiceAccount":
        return {"kind": kind, "name": name, "namespace": "kube-system"}
    return {"kind": kind, "apiGroup": GROUP, "name": name}
