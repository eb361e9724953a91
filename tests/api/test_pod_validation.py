"""What the server refuses in pods, in its own words."""

from typing import Any

import pytest

from minikctl.api.kinds.pod import KIND
from tests.api.building import container, made, pod_spec, refusals, stored, update_refusals


def of_spec(**fields: Any) -> list[str]:
    return refusals("pods", spec=pod_spec(**fields))


def of_container(**fields: Any) -> list[str]:
    return [e.removeprefix("spec.containers[0].") for e in of_spec(containers=[container(**fields)])]


def test_a_plain_pod_is_fine() -> None:
    assert of_spec() == []


LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def restart_rule(action: str) -> dict[str, Any]:
    return {"action": action, "exitCodes": {"operator": "In", "values": [42]}}


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"name": ""}, ["name: Required value"]),
        ({"name": "A"}, [f'name: Invalid value: "A": {LABEL}']),
        ({"image": ""}, ["image: Required value"]),
        ({"image": " nginx"}, ['image: Invalid value: " nginx": must not have leading or trailing whitespace']),
        ({"imagePullPolicy": "Often"}, ['imagePullPolicy: Unsupported value: "Often": supported values: "Always", "IfNotPresent", "Never"']),
        ({"terminationMessagePolicy": "X"}, ['terminationMessagePolicy: Unsupported value: "X": supported values: "File", "FallbackToLogsOnError"']),
        ({"ports": [{"containerPort": 0}]}, ["ports[0].containerPort: Required value"]),
        ({"ports": [{"containerPort": 70000}]}, ["ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"]),
        ({"ports": [{"containerPort": 1, "protocol": "tcp"}]}, ['ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"']),
        ({"ports": [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]}, ['ports[1].name: Duplicate value: "a"']),
        ({"ports": [{"containerPort": 1, "name": "1-"}]}, ['ports[0].name: Invalid value: "1-": must contain at least one letter (a-z)', 'ports[0].name: Invalid value: "1-": must not begin or end with a hyphen']),
        ({"ports": [{"containerPort": 1, "hostPort": 5}, {"containerPort": 2, "hostPort": 5}]}, ['ports[1].hostPort: Duplicate value: "TCP//5"']),
        ({"env": [{"name": ""}]}, ["env[0].name: Required value"]),
        ({"env": [{"name": "A=B"}]}, ["env[0].name: Invalid value: \"A=B\": a valid environment variable name must consist only of printable ASCII characters other than '='"]),
        ({"env": [{"name": "A", "valueFrom": {}}]}, ['env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`']),
        ({"env": [{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}, ['env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty']),
        ({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}, "configMapKeyRef": {"name": "a", "key": "b"}}}]}, ['env[0].valueFrom: Invalid value: "": may not have more than one field specified at a time']),
        ({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a"}}}]}, ["env[0].valueFrom.secretKeyRef.key: Required value"]),
        ({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.color"}}}]}, ['env[0].valueFrom.fieldRef.fieldPath: Invalid value: "status.color": error converting fieldPath: field label not supported: status.color']),
        ({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels"}}}]}, ['env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"']),
        ({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}}]}, []),
        ({"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "2"}}}]}, ["env[0].valueFrom.resourceFieldRef.divisor: Invalid value: \"limits.cpu\": only divisor's values 1m and 1 are supported with the cpu resource"]),
        ({"envFrom": [{}]}, ['envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`']),
        ({"envFrom": [{"configMapRef": {}}]}, ["envFrom[0].configMapRef.name: Required value"]),
        ({"volumeMounts": [{"name": "v", "mountPath": "/x"}]}, ['volumeMounts[0].name: Not found: "v"']),
        ({"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}, ['resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1']),
        ({"resources": {"limits": {"cpu": "-1"}}}, ['resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0', 'resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0']),
        ({"resources": {"requests": {"gpu": "1"}}}, ['resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified', 'resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers']),
        ({"resources": {"requests": {"nvidia.com/gpu": "1"}}}, ["resources.limits: Required value: Limit must be set for non overcommitable resources"]),
        ({"resources": {"limits": {"nvidia.com/gpu": "500m"}}}, ['resources.limits[nvidia.com/gpu]: Invalid value: "500m": must be an integer', 'resources.requests[nvidia.com/gpu]: Invalid value: "500m": must be an integer']),
        ({"livenessProbe": {}}, ["livenessProbe: Required value: must specify a handler type"]),
        ({"livenessProbe": {"exec": {"command": []}}}, ["livenessProbe.exec.command: Required value"]),
        ({"livenessProbe": {"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}}}, ["livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type"]),
        ({"livenessProbe": {"tcpSocket": {"port": 1}, "successThreshold": 2}}, ["livenessProbe.successThreshold: Invalid value: 2: must be 1"]),
        ({"readinessProbe": {"tcpSocket": {"port": 1}, "periodSeconds": -1}}, ["readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0"]),
        ({"readinessProbe": {"httpGet": {"port": 0, "scheme": "ftp"}}}, ["readinessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive", 'readinessProbe.httpGet.scheme: Unsupported value: "ftp": supported values: "HTTP", "HTTPS"']),
        ({"lifecycle": {"preStop": {"sleep": {"seconds": 31}}}}, ["lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)"]),
        ({"securityContext": {"runAsUser": -1}}, ["securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive"]),
        ({"securityContext": {"privileged": True, "allowPrivilegeEscalation": False}}, ['securityContext: Invalid value: {"allowPrivilegeEscalation":false,"privileged":true}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true']),
        ({"securityContext": {"seccompProfile": {"type": "Localhost"}}}, ["securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost"]),
        ({"resizePolicy": [{"resourceName": "disk", "restartPolicy": "NotRequired"}]}, ['resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"']),
    ],
)  # fmt: skip
def test_containers(fields: dict[str, Any], errors: list[str]) -> None:
    assert of_container(**fields) == errors


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"containers": []}, ["spec.containers: Required value"]),
        ({"containers": [container(), container()]}, ['spec.containers[1].name: Duplicate value: "c"']),
        ({"initContainers": [container()]}, ['spec.initContainers[0].name: Duplicate value: "c"']),
        ({"initContainers": [container(name="i", livenessProbe={"tcpSocket": {"port": 1}})]}, ["spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always"]),
        ({"initContainers": [container(name="i", restartPolicy="Always", livenessProbe={"tcpSocket": {"port": 1}})]}, []),
        ({"initContainers": [container(name="i", restartPolicy="Sometimes")]}, ['spec.initContainers[0].restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"']),
        ({"ephemeralContainers": [container(name="e")]}, ["spec.ephemeralContainers: Forbidden: cannot be set on create"]),
        ({"restartPolicy": "Sometimes"}, ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"']),
        ({"dnsPolicy": "None"}, ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"]),
        ({"dnsPolicy": "X"}, ['spec.dnsPolicy: Unsupported value: "X": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"']),
        ({"nodeSelector": {"a b": "c"}}, ["spec.nodeSelector: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"]),
        ({"hostPID": True, "shareProcessNamespace": True}, ["spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled"]),
        ({"hostUsers": False, "hostNetwork": True}, ["spec.hostNetwork: Forbidden: when `hostUsers` is false"]),
        ({"hostNetwork": True, "containers": [container(ports=[{"containerPort": 1, "hostPort": 2}])]}, ["spec.containers[0].ports[0].hostPort: Invalid value: 2: must match `containerPort` when `hostNetwork` is true"]),
        ({"activeDeadlineSeconds": 0}, ["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"]),
        ({"hostname": "A"}, [f'spec.hostname: Invalid value: "A": {LABEL}']),
        ({"preemptionPolicy": "Ever"}, ['spec.preemptionPolicy: Unsupported value: "Ever": supported values: "PreemptLowerPriority", "Never"']),
        ({"nodeName": "n", "schedulingGates": [{"name": "a"}]}, ["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"]),
        ({"schedulingGates": [{"name": "a"}, {"name": "a"}]}, ['spec.schedulingGates[1]: Duplicate value: "a"']),
        ({"tolerations": [{"operator": "Equal", "value": "x"}]}, ['spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means \\"match all values and all keys\\"'.replace('\\"', '"')]),
        ({"tolerations": [{"key": "a", "operator": "Exists", "value": "x"}]}, ['spec.tolerations[0].operator: Invalid value: {"Key":"a","Operator":"Exists","Value":"x","Effect":"","TolerationSeconds":null}: value must be empty when `operator` is \'Exists\'']),
        ({"tolerations": [{"key": "a", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 3}]}, ["spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when `tolerationSeconds` is set"]),
        ({"tolerations": [{"key": "a", "operator": "Exists", "effect": "Never"}]}, ['spec.tolerations[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"']),
        ({"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "X", "labelSelector": {}}]}, ["spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero", "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty", 'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "X": supported values: "DoNotSchedule", "ScheduleAnyway"']),
        ({"overhead": {"bananas": "1"}}, ['spec.overhead.limits[bananas]: Invalid value: "bananas": must be a standard resource type or fully qualified', 'spec.overhead.limits[bananas]: Invalid value: "bananas": must be a standard resource for containers']),
        ({"hostAliases": [{"ip": "300.0.0.1"}]}, ['spec.hostAliases[0].ip: Invalid value: "300.0.0.1": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']),
        ({"securityContext": {"sysctls": [{"name": "net.core.x"}]}, "hostNetwork": True}, ["spec.securityContext.sysctls[0].name: Invalid value: \"net.core.x\": may not be specified when 'hostNetwork' is true"]),
    ],
)  # fmt: skip
def test_specs(fields: dict[str, Any], errors: list[str]) -> None:
    assert of_spec(**fields) == errors


def node_term(**term: Any) -> dict[str, Any]:
    required = {"nodeSelectorTerms": [{"matchExpressions": [term]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


AT = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
PODS = "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]"
WEIGHED = "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]"


@pytest.mark.parametrize(
    ("affinity", "errors"),
    [
        (node_term(key="a", operator="Exists"), []),
        (node_term(key="a", operator="In"), [f"{AT}[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"]),
        (node_term(key="a", operator="Exists", values=["x"]), [f"{AT}[0].matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"]),
        (node_term(key="a", operator="Gt", values=["1", "2"]), [f"{AT}[0].matchExpressions[0].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'"]),
        (node_term(key="a", operator="Like"), [f'{AT}[0].matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator']),
        ({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}, [f"{AT}: Required value: must have at least one node selector term"]),
        ({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": ""}]}}, [f"{PODS}.topologyKey: Required value: can not be empty", f'{PODS}.topologyKey: Invalid value: "": name part must be non-empty', f"{PODS}.topologyKey: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"]),
        ({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 101, "podAffinityTerm": {"topologyKey": "z"}}]}}, [f"{WEIGHED}.weight: Invalid value: 101: must be in the range 1-100"]),
        ({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "z", "labelSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}]}}, [f"{PODS}.labelSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"]),
    ],
)  # fmt: skip
def test_affinity(affinity: dict[str, Any], errors: list[str]) -> None:
    assert of_spec(affinity=affinity) == errors


# ---------------------------------------------------------------------- update


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return update_refusals("pods", made("pods", spec=pod_spec(**after)), made("pods", spec=pod_spec(**before)))


FIXED = (
    "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"containers": [container(image="nginx:2", imagePullPolicy="IfNotPresent")]}),
        ({}, {"activeDeadlineSeconds": 30}),
        ({"activeDeadlineSeconds": 30}, {"activeDeadlineSeconds": 20}),
        ({}, {"tolerations": [{"key": "a", "operator": "Exists"}]}),
        ({"schedulingGates": [{"name": "a"}]}, {}),
        ({"terminationGracePeriodSeconds": -5}, {"terminationGracePeriodSeconds": 1}),
        ({"schedulingGates": [{"name": "a"}]}, {"schedulingGates": [{"name": "a"}], "nodeSelector": {"d": "ssd"}}),
    ],
)
def test_what_of_a_pod_may_change(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert changed(before, after) == []


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        ({}, {"nodeName": "n"}, FIXED),
        ({}, {"containers": [container(command=["x"])]}, FIXED),
        ({}, {"containers": [container(), container(name="d")]}, "spec.containers: Forbidden: pod updates may not add or remove containers"),
        ({}, {"initContainers": [container(name="d")]}, "spec.initContainers: Forbidden: pod updates may not add or remove containers"),
        ({"activeDeadlineSeconds": 20}, {"activeDeadlineSeconds": 30}, "spec.activeDeadlineSeconds: Invalid value: 30: must be less than or equal to previous value"),
        ({"activeDeadlineSeconds": 20}, {}, "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value"),
        ({"tolerations": [{"key": "a", "operator": "Exists"}]}, {}, "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"),
        ({}, {"schedulingGates": [{"name": "a"}]}, "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'a'"),
    ],
)  # fmt: skip
def test_what_of_a_pod_may_not_change(before: dict[str, Any], after: dict[str, Any], error: str) -> None:
    assert any(e.startswith(error) for e in changed(before, after))


def test_a_refused_change_is_shown_as_a_diff() -> None:
    (text,) = changed({}, {"nodeName": "n"})
    head, *diff = text.splitlines()
    assert head == FIXED
    assert diff[0].startswith("@@ ") and '+ "nodeName": "n",' in diff
    assert not [line for line in diff if line.startswith("-")]


def test_ended_containers_do_not_come_back() -> None:
    def pod(state: dict[str, Any]) -> dict[str, Any]:
        statuses = [{"name": "c", "state": state}]
        made_one = made("pods", spec=pod_spec(restartPolicy="Never"))
        return stored({**made_one, "status": {"containerStatuses": statuses}})

    ended: dict[str, Any] = {"terminated": {"exitCode": 1}}
    running: dict[str, Any] = {"running": {}}
    assert KIND.validate_status_update(pod(ended), pod(running)) == []
    (error,) = KIND.validate_status_update(pod(running), pod(ended))
    assert str(error) == "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"


@pytest.mark.parametrize(
    ("own", "code", "refused"),
    [
        ({}, 1, True),
        ({"restartPolicy": "Always"}, 0, False),
        ({"restartPolicy": "OnFailure"}, 0, True),
        ({"restartPolicy": "OnFailure"}, 1, False),
        ({"restartPolicy": "Never", "restartPolicyRules": [restart_rule("Restart")]}, 42, False),
        ({"restartPolicy": "Never", "restartPolicyRules": [restart_rule("Restart")]}, 1, True),
        ({"restartPolicy": "Never", "restartPolicyRules": [restart_rule("RestartAllContainers")]}, 1, False),
    ],
)
def test_unless_their_own_policy_says_so(own: dict[str, Any], code: int, refused: bool) -> None:
    def pod(state: dict[str, Any]) -> dict[str, Any]:
        one = made("pods", spec=pod_spec(restartPolicy="Never", containers=[container(name="c", **own)]))
        return stored({**one, "status": {"containerStatuses": [{"name": "c", "state": state}]}})

    ended = pod({"terminated": {"exitCode": code}})
    assert bool(KIND.validate_status_update(pod({"waiting": {}}), ended)) == refused


def test_ephemeral_containers_are_only_added() -> None:
    from minikctl.api.validation.pod import validate_ephemeral_containers

    base = stored(made("pods", spec=pod_spec()))
    one, two = container(name="e1"), container(name="e2")
    for c in (one, two):
        c.update(terminationMessagePolicy="File", imagePullPolicy="Always")

    def debugged(*containers: dict[str, Any]) -> dict[str, Any]:
        return {**base, "spec": {**base["spec"], "ephemeralContainers": list(containers)}}

    def errors(new: dict[str, Any], old: dict[str, Any]) -> list[str]:
        return [str(e).split("\n")[0] for e in validate_ephemeral_containers(new, old)]

    assert errors(debugged(one, two), debugged(one)) == []
    gone = 'spec.ephemeralContainers: Forbidden: existing ephemeral containers "e1" may not be removed'
    assert errors(debugged(two), debugged(one)) == [gone]
    other = 'spec.ephemeralContainers: Forbidden: existing ephemeral containers "e1" may not be changed'
    assert errors(debugged({**one, "image": "b"}), debugged(one)) == [other]
    ports = {**one, "ports": [{"containerPort": 1, "protocol": "TCP"}]}
    assert errors(debugged(ports), base) == [
        "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container"
    ]


def test_a_status_keeps_its_class_and_both_ways_of_writing_the_address() -> None:
    old = stored(made("pods", spec=pod_spec()))
    new = {**old, "status": {"phase": "Running", "podIP": "10.0.0.1"}}
    KIND.prepare_status_update(new, old)
    assert new["status"] == {
        "phase": "Running",
        "podIP": "10.0.0.1",
        "podIPs": [{"ip": "10.0.0.1"}],
        "qosClass": "BestEffort",
    }
