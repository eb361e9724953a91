"""The workload, storage, policy and network kinds: kubectl and minikctl write, change, show and delete them alike."""

from __future__ import annotations

import pytest

from tests.differential.conftest import Doors
from tests.differential.test_writes import written
from tests.differential.writing import run_both

__all__ = ["written"]

TEMPLATE = "template: {metadata: {labels: {app: NAME}}, spec: {containers: [{name: c, image: 'nginx:1.27'}]}}"
SELECTED = "selector: {matchLabels: {app: NAME}}"


def workload(kind: str, name: str, spec: str, version: str = "apps/v1") -> str:
    text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n"
    return text + "".join(f"  {line}\n" for line in spec.replace("NAME", name).splitlines())


DATABASE = workload(
    "StatefulSet",
    "db",
    f"""serviceName: db
replicas: 2
podManagementPolicy: Parallel
updateStrategy: {{type: RollingUpdate, rollingUpdate: {{partition: 1}}}}
persistentVolumeClaimRetentionPolicy: {{whenDeleted: Delete}}
{SELECTED}
{TEMPLATE}
volumeClaimTemplates:
- metadata: {{name: data}}
  spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}""",
)
AGENT = workload("DaemonSet", "agent", f"{SELECTED}\n{TEMPLATE}\nupdateStrategy: {{type: OnDelete}}")
OLD = workload("ReplicationController", "old", f"replicas: 2\nselector: {{app: NAME}}\n{TEMPLATE}", "v1")
WORK = workload(
    "Job",
    "work",
    """completions: 4
parallelism: 2
completionMode: Indexed
backoffLimitPerIndex: 1
maxFailedIndexes: 2
podFailurePolicy:
  rules: [{action: FailIndex, onExitCodes: {operator: In, values: [42]}}]
template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox, command: [date]}]}}""",
    "batch/v1",
)
NIGHTLY = workload(
    "CronJob",
    "nightly",
    """schedule: '@daily'
timeZone: Europe/Berlin
concurrencyPolicy: Forbid
startingDeadlineSeconds: 60
jobTemplate:
  spec: {template: {spec: {restartPolicy: OnFailure, containers: [{name: c, image: busybox}]}}}""",
    "batch/v1",
)
SCALER = workload(
    "HorizontalPodAutoscaler",
    "web",
    """scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
minReplicas: 2
maxReplicas: 9
metrics:
- {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}
- type: ContainerResource
  containerResource: {container: c, name: memory, target: {type: AverageValue, averageValue: 100Mi}}
- {type: Pods, pods: {metric: {name: packets}, target: {type: AverageValue, averageValue: 1k}}}
behavior: {scaleDown: {stabilizationWindowSeconds: 30, policies: [{type: Percent, value: 50, periodSeconds: 15}]}}""",
    "autoscaling/v2",
)
VOLUME = workload(
    "PersistentVolume",
    "NS",
    """capacity: {storage: 5Gi}
accessModes: [ReadWriteOnce, ReadOnlyMany]
persistentVolumeReclaimPolicy: Retain
storageClassName: manual
hostPath: {path: /tmp/x, type: DirectoryOrCreate}
nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: In, values: [b]}]}]}}""",
    "v1",
)
CLAIM = workload(
    "PersistentVolumeClaim",
    "data",
    "accessModes: [ReadWriteOnce]\nstorageClassName: NS\nresources: {requests: {storage: 1Gi}}",
    "v1",
)
CLASS = """apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: NS}
provisioner: example.com/none
parameters: {type: fast}
reclaimPolicy: Retain
allowVolumeExpansion: true
volumeBindingMode: WaitForFirstConsumer
"""
QUOTA = workload(
    "ResourceQuota", "team", "hard: {pods: '4', requests.cpu: '2', limits.memory: 4Gi, count/secrets: '3'}", "v1"
)
SCOPED = workload("ResourceQuota", "best", "hard: {pods: '1'}\nscopes: [BestEffort]", "v1")
LIMITS = workload(
    "LimitRange",
    "limits",
    """limits:
- {type: Container, default: {cpu: 500m, memory: 256Mi}, defaultRequest: {cpu: 100m}, max: {cpu: '1'}}
- {type: Pod, maxLimitRequestRatio: {cpu: '10'}}
- {type: PersistentVolumeClaim, min: {storage: 1Gi}, max: {storage: 10Gi}}""",
    "v1",
)
PRIORITY = """apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: NS}
value: 1000
preemptionPolicy: Never
description: "for NS"
"""
BUDGET = workload("PodDisruptionBudget", "web", "maxUnavailable: 20%\nselector: {matchLabels: {app: web}}", "policy/v1")
FRONT = workload(
    "Ingress",
    "front",
    """ingressClassName: NS
defaultBackend: {service: {name: web, port: {name: http}}}
tls: [{hosts: [a.example], secretName: cert}]
rules:
- host: '*.a.example'
  http: {paths: [{path: /x, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}""",
    "networking.k8s.io/v1",
)
INGRESS_CLASS = """apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: NS}
spec: {controller: example.com/none}
"""
POLICY = workload(
    "NetworkPolicy",
    "guard",
    """podSelector: {matchLabels: {app: web}}
policyTypes: [Ingress, Egress]
ingress:
- from:
  - namespaceSelector: {matchLabels: {team: a}}
    podSelector: {matchExpressions: [{key: role, operator: In, values: [x, y]}]}
  - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}
  ports: [{port: 80}, {protocol: UDP, port: 1000, endPort: 2000}]
egress: [{}]""",
    "networking.k8s.io/v1",
)
SLICE = """apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: outside, labels: {kubernetes.io/service-name: outside}}
addressType: IPv4
ports: [{name: http, port: 80}]
endpoints: [{addresses: [192.0.2.1], conditions: {ready: true}, nodeName: n1}]
"""

FILES = {
    "sts.yaml": DATABASE,
    "sts-image.yaml": DATABASE.replace("nginx:1.27", "nginx:1.28"),
    "sts-forbidden.yaml": DATABASE.replace("serviceName: db", "serviceName: other"),
    "sts-bad.yaml": DATABASE.replace("Parallel", "Sometimes"),
    "ds.yaml": AGENT,
    "ds-surge.yaml": AGENT.replace("{type: OnDelete}", "{type: RollingUpdate, rollingUpdate: {maxSurge: 1}}"),
    "ds-bad.yaml": AGENT.replace(
        "{type: OnDelete}", "{type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 1}}"
    ),
    "rc.yaml": OLD,
    "job.yaml": WORK,
    "job-bad.yaml": WORK.replace("restartPolicy: Never", "restartPolicy: Always"),
    "job-suspended.yaml": WORK.replace("completions: 4", "completions: 4\n  suspend: true"),
    "cj.yaml": NIGHTLY,
    "cj-bad.yaml": NIGHTLY.replace("@daily", "61 * * * *"),
    "cj-zone.yaml": NIGHTLY.replace("Europe/Berlin", "Europe/Nowhere"),
    "hpa.yaml": SCALER,
    "hpa-bad.yaml": SCALER.replace("minReplicas: 2", "minReplicas: 12"),
    "pv.yaml": VOLUME,
    "pv-bad.yaml": VOLUME.replace("hostPath: {path: /tmp/x, type: DirectoryOrCreate}", "nothing: {}"),
    "pvc.yaml": CLAIM,
    "pvc-bigger.yaml": CLAIM.replace("1Gi", "2Gi"),
    "pvc-bad.yaml": CLAIM.replace("ReadWriteOnce", "WriteSometimes"),
    "sc.yaml": CLASS,
    "sc-changed.yaml": CLASS.replace("fast", "slow"),
    "quota.yaml": QUOTA,
    "scoped.yaml": SCOPED,
    "limits.yaml": LIMITS,
    "limits-bad.yaml": LIMITS.replace("max: {cpu: '1'}", "max: {cpu: 50m}"),
    "pc.yaml": PRIORITY,
    "pc-changed.yaml": PRIORITY.replace("1000", "2000"),
    "pc-bad.yaml": PRIORITY.replace("1000", "1000000001"),
    "pdb.yaml": BUDGET,
    "pdb-bad.yaml": BUDGET.replace("maxUnavailable: 20%", "maxUnavailable: 20%\n  minAvailable: 1"),
    "ing.yaml": FRONT,
    "ing-bad.yaml": FRONT.replace("path: /x", "path: x"),
    "ic.yaml": INGRESS_CLASS,
    "netpol.yaml": POLICY,
    "netpol-bad.yaml": POLICY.replace("10.1.0.0/16", "11.1.0.0/16"),
    "slice.yaml": SLICE,
    "slice-bad.yaml": SLICE.replace("192.0.2.1", "nowhere"),
    "pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: busybox}]}\n",
    "greedy.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: greedy}\n"
    "spec: {containers: [{name: c, image: busybox, resources: {limits: {cpu: '3', memory: 1Gi}}}]}\n",
    "urgent.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: urgent}\n"
    "spec: {priorityClassName: NS, containers: [{name: c, image: busybox}]}\n",
    "lost.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: lost}\n"
    "spec: {priorityClassName: nobody, containers: [{name: c, image: busybox}]}\n",
}

SCRIPTS = {
    "statefulsets": """
create -f sts.yaml --dry-run=server -o name
create -f sts.yaml
create -f sts.yaml
apply -f sts.yaml
get sts
get sts -o wide
get sts db -o yaml
describe sts db
scale sts db --replicas=5
set image sts/db c=nginx:1.29
apply -f sts-image.yaml
diff -f sts.yaml
apply -f sts-forbidden.yaml
apply -f sts-bad.yaml
patch sts db -p {"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}
rollout restart sts/nope
rollout status sts/db --timeout=1s
rollout history sts/db
rollout undo sts/db
rollout pause sts/db
autoscale sts db --max=4
expose sts db --port=80
delete sts db --cascade=orphan --wait=false
get sts
""",
    "daemonsets": """
apply -f ds.yaml
get ds -o wide
describe ds agent
set image ds/agent c=nginx:1.28
apply -f ds-surge.yaml
apply -f ds-bad.yaml
get ds agent -o yaml
rollout status ds/agent --timeout=1s
rollout history ds/agent
rollout pause ds/agent
scale ds agent --replicas=1
set env ds/agent A=1
delete ds agent
""",
    "controllers": """
create -f rc.yaml
get rc -o wide
describe rc old
scale rc old --replicas=3
scale rc old --replicas=1 --current-replicas=9
set image rc/old c=nginx:1.29
autoscale rc old --max=3
expose rc old --port=80
rollout status rc/old
get rc old -o yaml
delete rc --all
""",
    "jobs": """
create -f job.yaml
get job -o wide
get job work -o yaml
describe job work
patch job work -p {"spec":{"parallelism":3}}
patch job work -p {"spec":{"completions":5}}
patch job work -p {"spec":{"completions":5,"parallelism":5}}
patch job work -p {"spec":{"template":{"spec":{"restartPolicy":"OnFailure"}}}}
patch job work -p {"spec":{"suspend":true}}
create -f job-bad.yaml
replace --force -f job-suspended.yaml
wait job/work --for=condition=Complete --timeout=0s
scale job work --replicas=2
apply -f cj.yaml
get cj
get cj nightly -o yaml
describe cj nightly
apply -f cj-bad.yaml
apply -f cj-zone.yaml
patch cj nightly -p {"spec":{"suspend":true}}
create job now --from=cj/nightly
get job now -o yaml
describe job now
delete job,cj --all
""",
    "autoscalers": """
create -f hpa.yaml
get hpa
get hpa web -o yaml
get hpa.v1.autoscaling web -o yaml
get hpa.v2.autoscaling web -o name
describe hpa web
apply -f hpa-bad.yaml
patch hpa web -p {"spec":{"maxReplicas":4}}
patch hpa web -p {"spec":{"behavior":{"scaleDown":{"stabilizationWindowSeconds":4000}}}}
autoscale deploy nope --max=2
delete hpa web
""",
    "storage": """
create -f sc.yaml
create -f sc.yaml
get sc NS
describe sc NS
apply -f sc-changed.yaml
create -f pv.yaml
get pv NS
get pv NS -o yaml
describe pv NS
patch pv NS -p {"spec":{"persistentVolumeReclaimPolicy":"Delete"}}
patch pv NS -p {"spec":{"hostPath":{"path":"/tmp/y"}}}
create -f pvc.yaml
get pvc -o wide
get pvc data -o yaml
describe pvc data
apply -f pvc-bigger.yaml
create -f pvc-bad.yaml
apply -f pv-bad.yaml --validate=ignore
delete pvc data --wait=false
get pvc
delete pv NS --wait=false
delete sc NS
""",
    "policies": """
create -f quota.yaml
create -f scoped.yaml
get quota
describe quota
create -f limits.yaml
get limits -o yaml
describe limits
create -f limits-bad.yaml
create -f greedy.yaml
create -f pod.yaml
get pod p -o yaml
create quota more --hard=pods=x
create quota more --hard=pods=1 --scopes=Terminating
patch quota team -p {"spec":{"hard":{"pods":"9"}}}
create -f pc.yaml
get pc NS
describe pc NS
apply -f pc-changed.yaml
create -f pc-bad.yaml
create -f urgent.yaml
get pod urgent -o jsonpath={.spec.priority}{.spec.preemptionPolicy}
create -f lost.yaml
create -f pdb.yaml
get pdb
get pdb web -o yaml
describe pdb web
apply -f pdb-bad.yaml
patch pdb web -p {"spec":{"maxUnavailable":1}}
delete quota,limits,pdb --all
delete pc NS
""",
    "networking": """
create -f ic.yaml
get ingressclass NS
create -f ing.yaml
get ing
get ing front -o yaml
describe ing front
apply -f ing-bad.yaml
annotate ing front nginx.ingress.kubernetes.io/rewrite-target=/$2
create ingress simple --rule=a.example/=web:80,tls=cert
create ingress bad --rule=nothing
create -f netpol.yaml
get netpol
get netpol guard -o yaml
describe netpol guard
apply -f netpol-bad.yaml
create service clusterip outside --tcp=80:80
create -f slice.yaml
get endpointslice outside
get endpointslice outside -o yaml
describe endpointslice outside
apply -f slice-bad.yaml
patch svc outside -p {"spec":{"sessionAffinity":"ClientIP"}}
patch svc outside -p {"spec":{"externalTrafficPolicy":"Local"}}
patch svc outside -p {"spec":{"clusterIP":"10.96.250.250"}}
patch svc outside -p {"spec":{"type":"NodePort","externalTrafficPolicy":"Local"}}
patch svc outside -p '{"spec":{"ports":[{"port":80,"nodePort":80}]}}'
describe svc outside
delete ing,netpol,svc --all
delete ingressclass NS
""",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_kinds(written: Doors, name: str) -> None:
    run_both(written, name, SCRIPTS[name], FILES)
