"""Descriptions of single kinds, each with an example of its own."""

from __future__ import annotations

from textwrap import dedent

import pytest

from minikctl.kubectl.describe.volumes import PERSISTENT, SOURCES, source
from minikctl.kubectl.describe.writer import Writer
from tests.kubectl.describing import MADE, Obj, describe, meta


def lines(text: str) -> str:
    return dedent(text).lstrip("\n")


def trimmed(text: str) -> str:
    """Without the blanks of empty values at the ends of lines, which editors would remove from this file."""
    return "\n".join(line.rstrip() for line in text.split("\n"))


CONTAINER = {"name": "main", "image": "nginx:1.25"}
TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [CONTAINER]}}
TEMPLATE_TEXT = """\
Pod Template:
  Labels:  app=x
  Containers:
   main:
    Image:         nginx:1.25
    Port:          <none>
    Host Port:     <none>
    Environment:   <none>
    Mounts:        <none>
  Volumes:         <none>
  Node-Selectors:  <none>
  Tolerations:     <none>
"""


def test_pod_that_waits() -> None:
    pod = {
        "metadata": meta(
            "web", labels={"app": "web"}, deletionTimestamp="2026-01-01T11:59:00Z", deletionGracePeriodSeconds=30
        ),
        "spec": {
            "containers": [CONTAINER],
            "tolerations": [{"operator": "Exists"}],
            "priorityClassName": "high",
            "priority": 5,
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "zone",
                    "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": {"matchLabels": {"a": "b"}},
                }
            ],
        },
        "status": {"phase": "Pending", "reason": "Evicted", "message": "too much"},
    }
    text = describe("pods", pod)
    assert trimmed(text) == lines("""
        Name:                      web
        Namespace:                 default
        Priority:                  5
        Priority Class Name:       high
        Node:                      <none>
        Labels:                    app=web
        Annotations:               <none>
        Status:                    Terminating (lasts 60s)
        Termination Grace Period:  30s
        Reason:                    Evicted
        Message:                   too much
        IP:
        IPs:                       <none>
        Containers:
          main:
            Image:                    nginx:1.25
            Port:                     <none>
            Host Port:                <none>
            Environment:              <none>
            Mounts:                   <none>
        Volumes:                      <none>
        QoS Class:                    BestEffort
        Node-Selectors:               <none>
        Tolerations:                  op=Exists
        Topology Spread Constraints:  zone:DoNotSchedule when max skew 1 is exceeded for selector a=b
        Events:                       <none>
        """)


def test_pod_with_containers_that_ended_and_run() -> None:
    ended = {"exitCode": 137, "signal": 9, "reason": "Error", "message": "m", "startedAt": MADE, "finishedAt": MADE}
    status = {
        "name": "main",
        "image": "nginx",
        "imageID": "sha256:1",
        "containerID": "x://1",
        "ready": False,
        "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": ended},
    }
    container = {
        **CONTAINER,
        "ports": [{"containerPort": 80, "protocol": "TCP", "name": "http"}, {"containerPort": 81, "protocol": "UDP"}],
        "command": ["sh", "-c", "a\nb"],
        "resources": {"limits": {"memory": "1Gi", "cpu": "1"}},
        "env": [
            {"name": "TWO", "value": "a\nb"},
            {"name": "NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
        ],
        "volumeMounts": [
            {"name": "b", "mountPath": "/b"},
            {"name": "a", "mountPath": "/a", "readOnly": True, "subPath": "s"},
        ],
        "volumeDevices": [{"name": "d", "devicePath": "/dev/d"}],
    }
    pod = {"metadata": meta("web"), "spec": {"containers": [container]}, "status": {"containerStatuses": [status]}}
    text = describe("pods", pod)
    for part in (
        "    Ports:         80/TCP (http), 81/UDP\n    Host Ports:    0/TCP (http), 0/UDP\n",
        "    Command:\n      sh\n      -c\n      a\n      b\n    State:          Waiting\n      Reason:       CrashLoopBackOff\n",
        "    Last State:     Terminated\n      Reason:       Error\n      Message:      m\n      Exit Code:    137\n",
        "      Signal:       9\n",
        "    Ready:          False\n    Restart Count:  3\n    Limits:\n      cpu:     1\n      memory:  1Gi\n",
        "      TWO:   a\n             b\n      NAME:  web (v1:metadata.name)\n      CPU:   1000 (limits.cpu)\n",
        '    Mounts:\n      /a from a (ro,path="s")\n      /b from b (rw)\n    Devices:\n      /dev/d from d\n',
    ):
        assert part in text, part


@pytest.mark.parametrize("key", sorted(SOURCES))
@pytest.mark.parametrize("persistent", [False, True])
def test_every_source_of_a_volume_says_what_it_is(key: str, persistent: bool) -> None:
    w = Writer()
    source({key: {}}, w, persistent=persistent)
    text = w.aligned()
    if key == "local" and not persistent:
        assert text == "  <unknown>\n"
        return
    assert text.startswith("    Type:")
    rows = PERSISTENT.get(key, SOURCES[key][1]) if persistent else SOURCES[key][1]
    assert len(text.splitlines()) == 1 + len(rows) + (key == "csi")


def test_sources_with_parts_of_their_own() -> None:
    volumes = [
        {
            "name": "all",
            "projected": {
                "sources": [
                    {"secret": {"name": "s"}},
                    {"configMap": {"name": "c", "optional": True}},
                    {"downwardAPI": {}},
                    {"serviceAccountToken": {"expirationSeconds": 60}},
                ]
            },
        },
        {"name": "down", "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"name": "eph", "ephemeral": {"volumeClaimTemplate": {"spec": {"storageClassName": "fast"}}}},
        {"name": "csi", "csi": {"driver": "d", "volumeAttributes": {"b": "2", "a": "1"}}},
        {"name": "none"},
    ]
    text = describe("pods", {"metadata": meta(), "spec": {"containers": [], "volumes": volumes}}, events=False)
    assert text.partition("Volumes:\n")[2].partition("QoS")[0] == (
        "  all:\n    Type:                    Projected (a volume that contains injected data from multiple sources)\n"
        "    SecretName:              s\n    Optional:                false\n    ConfigMapName:           c\n"
        "    Optional:                true\n    DownwardAPI:             true\n    TokenExpirationSeconds:  60\n"
        "  down:\n    Type:  DownwardAPI (a volume populated by information about the pod)\n    Items:\n"
        "      metadata.labels -> l\n"
        "  eph:\n    Type:          EphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)\n"
        "    StorageClass:  fast\n    Volume:        \n    Labels:            <none>\n    Annotations:       <none>\n"
        "    Capacity:      \n    Access Modes:  \n"
        "  csi:\n    Type:              CSI (a Container Storage Interface (CSI) volume source)\n    Driver:            d\n"
        "    FSType:            \n    ReadOnly:          false\n    VolumeAttributes:      a=1\n                           b=2\n"
        "  none:\n  <unknown>\n"
    )


def owned_pods(*phases: str) -> list[tuple[str, Obj]]:
    reference = {"kind": "X", "name": "x", "uid": "u1", "controller": True}
    return [
        ("pods", {"metadata": {"name": f"p{i}", "ownerReferences": [reference]}, "status": {"phase": phase}})
        for i, phase in enumerate(phases)
    ] + [("pods", {"metadata": {"name": "stranger"}, "status": {"phase": "Running"}})]


@pytest.mark.parametrize("word", ["replicasets", "replicationcontrollers"])
def test_sets_of_pods(word: str) -> None:
    selector: Obj = {"app": "x"} if word == "replicationcontrollers" else {"matchLabels": {"app": "x"}}
    owner = {
        "metadata": meta(),
        "spec": {"replicas": 3, "selector": selector, "template": TEMPLATE},
        "status": {
            "replicas": 2,
            "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}],
        },
    }
    text = describe(word, owner, *owned_pods("Running", "Pending"), events=False)
    assert text == (
        "Name:         x\nNamespace:    default\nSelector:     app=x\nLabels:       <none>\nAnnotations:  <none>\n"
        "Replicas:     2 current / 3 desired\nPods Status:  1 Running / 1 Waiting / 0 Succeeded / 0 Failed\n"
        + TEMPLATE_TEXT
        + "Conditions:\n  Type             Status  Reason\n  ----             ------  ------\n"
        "  ReplicaFailure   True    FailedCreate\n"
    )


def test_stateful_set() -> None:
    owner = {
        "metadata": meta(),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "x"}},
            "template": TEMPLATE,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}},
            "volumeClaimTemplates": [
                {
                    "metadata": {"name": "data"},
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
                }
            ],
        },
    }
    text = describe("statefulsets", owner, *owned_pods(), events=False)
    assert "Replicas:           1 desired | 0 total\nUpdate Strategy:    RollingUpdate\n  Partition:        2\n" in text
    assert text.endswith(
        "Volume Claims:\n  Name:          data\n  StorageClass:  \n  Labels:        <none>\n  Annotations:   <none>\n"
        "  Capacity:      1Gi\n  Access Modes:  [ReadWriteOnce]\n"
    )


def test_job_and_cron_job() -> None:
    job = {
        "metadata": meta(),
        "spec": {"completionMode": "Indexed", "completions": 2, "activeDeadlineSeconds": 9, "template": TEMPLATE},
        "status": {
            "startTime": MADE,
            "completionTime": "2026-01-01T11:58:05Z",
            "succeeded": 1,
            "completedIndexes": "0-" + "1," * 40,
        },
    }
    text = describe("jobs", job)
    assert "Duration:                 5s\nActive Deadline Seconds:  9s\n" in text
    assert "Pods Statuses:            0 Active / 1 Succeeded / 0 Failed\n" in text
    assert "Completed Indexes:        0-" + "1," * 25 + "...\n" in text
    cron = {
        "metadata": meta(),
        "spec": {
            "schedule": "* * * * *",
            "suspend": True,
            "startingDeadlineSeconds": 5,
            "jobTemplate": {"spec": {"template": TEMPLATE}},
        },
        "status": {"active": [{"name": "a"}, {"name": "b"}]},
    }
    text = describe("cronjobs", cron)
    assert "Suspend:                       True\n" in text
    assert "Starting Deadline Seconds:     5s\n" in text
    assert "Active Jobs:         a, b\n" in text


def test_service_endpoints() -> None:
    ready = [{"addresses": [f"10.0.0.{i}"], "conditions": {"ready": i != 2}} for i in range(1, 7)]
    part = {"metadata": meta(), "ports": [{"name": "web", "port": 8080}], "endpoints": ready}
    service = {
        "metadata": meta(),
        "spec": {
            "type": "LoadBalancer",
            "selector": {"app": "x"},
            "clusterIP": "10.96.0.9",
            "ports": [
                {
                    "name": "web",
                    "port": 80,
                    "targetPort": "http",
                    "protocol": "TCP",
                    "nodePort": 30080,
                    "appProtocol": "h2c",
                },
                {"name": "other", "port": 81, "targetPort": 81, "protocol": "UDP"},
            ],
            "externalTrafficPolicy": "Local",
            "healthCheckNodePort": 31000,
            "loadBalancerSourceRanges": ["10.0.0.0/8"],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4", "ipMode": "VIP"}, {"hostname": "h"}]}},
    }
    text = describe("services", service, ("endpointslices.discovery.k8s.io", part))
    assert trimmed(text) == lines("""
        Name:                        x
        Namespace:                   default
        Labels:                      <none>
        Annotations:                 <none>
        Selector:                    app=x
        Type:                        LoadBalancer
        IP Families:                 <none>
        IP:                          10.96.0.9
        IPs:                         <none>
        LoadBalancer Ingress:        1.2.3.4 (VIP), h
        Port:                        web  80/TCP
        TargetPort:                  http/TCP
        AppProtocol:                 h2c
        NodePort:                    web  30080/TCP
        Endpoints:                   10.0.0.1:8080,10.0.0.3:8080,10.0.0.4:8080 + 2 more...
        Port:                        other  81/UDP
        TargetPort:                  81/UDP
        Endpoints:
        Session Affinity:
        External Traffic Policy:     Local
        HealthCheck NodePort:        31000
        LoadBalancer Source Ranges:  10.0.0.0/8
        Events:                      <none>
        """)


def test_endpoints_and_slices() -> None:
    subset = {"addresses": [{"ip": "1.1.1.1"}], "ports": [{"port": 80, "protocol": "TCP"}]}
    assert trimmed(describe("endpoints", {"metadata": meta(), "subsets": [subset]}, events=False)) == lines("""
        Name:         x
        Namespace:    default
        Labels:       <none>
        Annotations:  <none>
        Subsets:
          Addresses:          1.1.1.1
          NotReadyAddresses:  <none>
          Ports:
            Name     Port  Protocol
            ----     ----  --------
            <unset>  80    TCP

        """)
    endpoint = {"addresses": ["1.1.1.1"], "conditions": {"ready": True}, "targetRef": {"kind": "Pod", "name": "p"}}
    part = {"metadata": meta(), "addressType": "IPv4", "ports": None, "endpoints": [endpoint]}
    assert trimmed(describe("endpointslices", part)) == lines("""
        Name:         x
        Namespace:    default
        Labels:       <none>
        Annotations:  <none>
        AddressType:  IPv4
        Ports: <unset>
        Endpoints:
          - Addresses:  1.1.1.1
            Conditions:
              Ready:    true
            Hostname:   <unset>
            TargetRef:  Pod/p
            NodeName:   <unset>
            Zone:       <unset>
        Events:         <none>
        """)


def test_node() -> None:
    def on_node(name: str, **resources: dict[str, str]) -> tuple[str, Obj]:
        container = {"name": "c", "resources": resources}
        return "pods", {
            "metadata": {"name": name, "namespace": "default", "creationTimestamp": MADE},
            "spec": {"containers": [container]},
        }

    node = {
        "metadata": {"name": "n", "labels": {"node-role.kubernetes.io/control-plane": ""}, "creationTimestamp": MADE},
        "spec": {
            "taints": [{"key": "b", "effect": "NoSchedule"}, {"key": "a", "value": "1", "effect": "NoExecute"}],
            "podCIDR": "10.244.0.0/24",
        },
        "status": {
            "allocatable": {"cpu": "2", "memory": "4Gi", "pods": "110", "example.com/gpu": "1"},
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
            "nodeInfo": {"kernelVersion": "6.1"},
        },
    }
    lease = {"metadata": {"name": "n"}, "spec": {"holderIdentity": "n"}}
    text = describe(
        "nodes",
        node,
        ("leases.coordination.k8s.io", lease),
        on_node("p1", requests={"cpu": "500m", "memory": "1Gi"}, limits={"cpu": "1"}),
        on_node("p2", requests={"cpu": "500m"}),
    )
    for part in (
        "Roles:              control-plane\n",
        "Taints:             a=1:NoExecute\n                    b:NoSchedule\nUnschedulable:      false\n",
        "Lease:\n  HolderIdentity:  n\n  AcquireTime:     <unset>\n  RenewTime:       <unset>\n",
        "Allocatable:\n  cpu:              2\n  example.com/gpu:  1\n",
        "PodCIDR:                      10.244.0.0/24\nNon-terminated Pods:          (2 in total)\n",
        "  default                     p1      500m (25%)    1 (50%)     1Gi (25%)        0 (0%)         2m\n",
        "  default                     p2      500m (25%)    0 (0%)      0 (0%)           0 (0%)         2m\n",
        "  cpu                1 (50%)    1 (50%)\n  memory             1Gi (25%)  0 (0%)\n",
        "  example.com/gpu    0          0\n",
    ):
        assert part in text, f"{part}\n---\n{text}"
    assert "Lease:              Failed to get lease: " in describe("nodes", node)


def test_namespace_with_quota_and_limits() -> None:
    quota = {
        "metadata": {"name": "q"},
        "spec": {"scopes": ["BestEffort"]},
        "status": {"hard": {"pods": "5"}, "used": {"pods": "1"}},
    }
    limits = {"metadata": {"name": "l"}, "spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}}
    namespace = {"metadata": {"name": "test"}, "status": {"phase": "Active"}}
    assert trimmed(describe("namespaces", namespace, ("resourcequotas", quota), ("limitranges", limits))) == lines("""
        Name:         test
        Labels:       <none>
        Annotations:  <none>
        Status:       Active

        Resource Quotas
          Name:    q
          Scopes:  BestEffort
          * Matches all pods that do not have resource requirements set. These pods have a best effort quality of service.
          Resource  Used  Hard
          --------  ---   ---
          pods      1     5

        Resource Limits
         Type       Resource  Min  Max  Default Request  Default Limit  Max Limit/Request Ratio
         ----       --------  ---  ---  ---------------  -------------  -----------------------
         Container  cpu       -    1    -                -              -
        """)
    text = describe("namespaces", namespace)
    assert text.endswith("\nNo resource quota.\n\nNo LimitRange resource.\n")


def test_secret_shows_sizes_only() -> None:
    secret = {"metadata": meta(), "type": "Opaque", "data": {"b": "AAA=", "a": ""}}
    text = describe("secrets", secret)
    assert text.endswith("\nType:  Opaque\n\nData\n====\na:  0 bytes\nb:  2 bytes\n")
    token = {"metadata": meta(), "type": "kubernetes.io/service-account-token", "data": {"token": "YWJj"}}
    assert describe("secrets", token).endswith("token:  abc\n")


def test_service_account_with_pull_secrets() -> None:
    account = {"metadata": meta(), "imagePullSecrets": [{"name": "a"}, {"name": "b"}]}
    assert "Image pull secrets:  a\n                     b\n" in describe("serviceaccounts", account)


def test_roles() -> None:
    rules = [
        {"apiGroups": ["", "apps"], "resources": ["pods", "deployments/scale"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["watch"], "resourceNames": ["x"]},
        {"nonResourceURLs": ["/healthz"], "verbs": ["get"]},
    ]
    text = describe("clusterroles", {"metadata": {"name": "r"}, "rules": rules})
    assert text == (
        "Name:         r\nLabels:       <none>\nAnnotations:  <none>\nPolicyRule:\n"
        "  Resources               Non-Resource URLs  Resource Names  Verbs\n"
        "  ---------               -----------------  --------------  -----\n"
        "  deployments/scale       []                 []              [get list]\n"
        "  pods                    []                 []              [get list]\n"
        "  deployments.apps/scale  []                 []              [get list]\n"
        "  pods.apps               []                 []              [get list]\n"
        "                          [/healthz]         []              [get]\n"
        "  pods                    []                 [x]             [watch]\n"
    )


def test_storage_class() -> None:
    storage = {
        "metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "p",
        "mountOptions": ["ro"],
        "allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": ["a", "b"]}]}],
    }
    text = describe("storageclasses", storage, events=False)
    assert "IsDefaultClass:        Yes\n" in text
    assert "AllowVolumeExpansion:  <unset>\nMountOptions:\n  ro\n" in text
    assert text.endswith("AllowedTopologies:  \n  Term 0:           zone in [a, b]\n")


def test_volume_with_node_affinity() -> None:
    term = {
        "matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}, {"key": "ssd", "operator": "Exists"}]
    }
    volume = {
        "metadata": {"name": "v"},
        "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}, "local": {"path": "/x"}},
    }
    text = describe("persistentvolumes", volume, events=False)
    assert (
        "Node Affinity:     \n  Required Terms:  \n    Term 0:        zone in [a]\n                   ssd exists\n"
        in text
    )
    assert text.endswith(
        "Source:\n    Type:  LocalVolume (a persistent volume backed by local storage on a node)\n    Path:  /x\n"
    )


def test_ingress() -> None:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    ingress = {
        "metadata": meta(),
        "spec": {
            "tls": [{"hosts": ["a", "b"], "secretName": "s"}, {"hosts": ["c"]}],
            "rules": [{"http": {"paths": [{"path": "/", "backend": backend}]}}, {"host": "h", "http": {"paths": []}}],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}},
    }
    service = {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80, "name": "p"}]}}
    part = {
        "metadata": {"name": "w"},
        "ports": [{"name": "p", "port": 8080}],
        "endpoints": [{"addresses": ["10.0.0.1"]}],
    }
    text = describe(
        "ingresses", ingress, ("services", service), ("endpointslices.discovery.k8s.io", part), events=False
    )
    assert trimmed(text) == lines("""
        Name:             x
        Labels:           <none>
        Namespace:        default
        Address:          1.2.3.4
        Ingress Class:    <none>
        Default backend:  <default>
        TLS:
          s terminates a,b
          SNI routes c
        Rules:
          Host        Path  Backends
          ----        ----  --------
          *
                      /   web:80 (10.0.0.1:8080)
          h
        Annotations:  <none>
        """)


def test_network_policy() -> None:
    rule = {
        "ports": [{"port": 80, "endPort": 90}],
        "from": [{"podSelector": {"matchLabels": {"a": "b"}}, "namespaceSelector": {}}],
    }
    policy = {"metadata": meta(), "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [rule, {}]}}
    assert describe("networkpolicies", policy).partition("Spec:\n")[2] == (
        "  PodSelector:     <none> (Allowing the specific traffic to all pods in this namespace)\n"
        "  Allowing ingress traffic:\n    To Port Range: 80-90/TCP\n    From:\n      NamespaceSelector: <none>\n"
        "      PodSelector: a=b\n    ----------\n    To Port: <any> (traffic allowed to all ports)\n"
        "    From: <any> (traffic not restricted by source)\n  Not affecting egress traffic\n  Policy Types: Ingress\n"
    )


METRICS: list[tuple[Obj, Obj, str]] = [
    ({"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}, {}, "<unknown> / 50%"),
    (
        {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
        {"current": {"averageUtilization": 40, "averageValue": "80m"}},
        "40% (80m) / 50%",
    ),
    ({"name": "memory", "target": {"averageValue": "1Gi"}}, {"current": {"averageValue": "1Mi"}}, "1Mi / 1Gi"),
]


@pytest.mark.parametrize(("source", "current", "shown"), METRICS)
def test_autoscaler_metrics(source: Obj, current: Obj, shown: str) -> None:
    scaler = {
        "metadata": meta(),
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "x"},
            "maxReplicas": 3,
            "metrics": [{"type": "Resource", "resource": source}],
        },
        "status": {"currentMetrics": [{"type": "Resource", "resource": current}]} if current else {},
    }
    text = describe("horizontalpodautoscalers", scaler)
    assert shown in text
    assert "Min replicas:" in text
    assert "Deployment pods:" in text


def test_other_autoscaler_metrics() -> None:
    from minikctl.kubectl.describe.kinds.horizontal_pod_autoscaler import metric_line

    external = {"type": "External", "external": {"metric": {"name": "q"}, "target": {"value": "10"}}}
    assert metric_line(external, {}) == '"q" (target value):\t<unknown> / 10'
    pods = {"type": "Pods", "pods": {"metric": {"name": "r"}, "target": {"averageValue": "5"}}}
    assert metric_line(pods, {"pods": {"current": {"averageValue": "4"}}}) == '"r" on pods:\t4 / 5'
    thing = {"kind": "Ingress", "name": "i"}
    about = {"type": "Object", "object": {"metric": {"name": "s"}, "describedObject": thing, "target": {"value": "1"}}}
    assert metric_line(about, {}) == '"s" on Ingress/i (target value):\t<unknown> / 1'
    assert metric_line({"type": "New"}, {}) == '<unknown metric type "New">'


def test_generic() -> None:
    crd = {"metadata": meta(), "spec": {"listOfThings": [{"a": 1}, "b"], "empty": None, "onOff": True, "share": 0.5}}
    assert trimmed(describe("leases", crd, events=False)) == lines("""
        Name:         x
        Namespace:    default
        Labels:       <none>
        Annotations:  <none>
        API Version:  coordination.k8s.io/v1
        Kind:         Lease
        Metadata:
          Creation Timestamp:  2026-01-01T11:58:00Z
          UID:                 u1
        Spec:
          Empty:  <nil>
          List Of Things:
            A:  1
            b
          On Off:  true
          Share:   0.5
        """)
