"""What the server refuses in Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs and their kin."""

from typing import Any

import pytest

from minikctl.api.errors import invalid
from tests.api.building import container, kind, made, pod_spec, refusals, stored, template, update_refusals, workload

MISMATCH = 'spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`'
ALWAYS = 'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'


@pytest.mark.parametrize("word", ["deployments", "replicasets", "statefulsets", "daemonsets"])
def test_a_plain_one_is_fine(word: str) -> None:
    assert refusals(word, spec=workload()) == []


@pytest.mark.parametrize(
    ("word", "fields", "errors"),
    [
        ("deployments", {"replicas": -1}, ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
        ("deployments", {"selector": None}, ["spec.selector: Required value", MISMATCH]),
        ("deployments", {"selector": {"matchLabels": {"app": "y"}}}, [MISMATCH]),
        ("deployments", {"selector": {}}, ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"]),
        ("deployments", {"selector": {"matchExpressions": [{"key": "app", "operator": "Like"}]}}, ['spec.selector.matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator', 'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Like"}]}: invalid label selector']),
        ("deployments", {"template": template(restartPolicy="Never")}, [ALWAYS]),
        ("deployments", {"template": template(activeDeadlineSeconds=5)}, ["spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported"]),
        ("deployments", {"template": template(containers=[container(image="")])}, ["spec.template.spec.containers[0].image: Required value"]),
        ("deployments", {"template": {"metadata": {"labels": {"app": "x", "a": "-"}}, "spec": pod_spec()}}, ["spec.template.labels: Invalid value: \"-\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"]),
        ("deployments", {"strategy": {"type": "Recreate", "rollingUpdate": {}}}, ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"]),
        ("deployments", {"strategy": {"type": "Ramped"}}, ['spec.strategy: Unsupported value: {"Type":"Ramped","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"']),
        ("deployments", {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}, ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"]),
        ("deployments", {"strategy": {"rollingUpdate": {"maxUnavailable": "120%"}}}, ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "120%": must not be greater than 100%']),
        ("deployments", {"strategy": {"rollingUpdate": {"maxSurge": "some"}}}, ["spec.strategy.rollingUpdate.maxSurge: Invalid value: \"some\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"]),
        ("deployments", {"progressDeadlineSeconds": 5, "minReadySeconds": 5}, ["spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"]),
        ("replicasets", {"minReadySeconds": -1}, ["spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"]),
        ("statefulsets", {"podManagementPolicy": "Wild"}, ["spec.podManagementPolicy: Invalid value: \"Wild\": must be 'OrderedReady' or 'Parallel'"]),
        ("statefulsets", {"updateStrategy": {"type": "Recreate"}}, ["spec.updateStrategy: Invalid value: {\"Type\":\"Recreate\",\"RollingUpdate\":null}: must be 'RollingUpdate' or 'OnDelete'"]),
        ("statefulsets", {"updateStrategy": {"rollingUpdate": {"partition": -1}}}, ["spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0"]),
        ("statefulsets", {"selector": {}}, ["spec.selector: Invalid value: {}: empty selector is invalid for statefulset"]),
        ("statefulsets", {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Burn"}}, ['spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Burn": supported values: "Retain", "Delete"']),
        ("statefulsets", {"template": template(containers=[container(volumeMounts=[{"name": "data", "mountPath": "/d"}])])}, ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"']),
        ("statefulsets", {"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}], "template": template(containers=[container(volumeMounts=[{"name": "data", "mountPath": "/d"}])])}, []),
        ("daemonsets", {"selector": {}}, ["spec.selector: Invalid value: {}: empty selector is invalid for daemonset"]),
        ("daemonsets", {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}}, ["spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"]),
        ("daemonsets", {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}}}, ["spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"]),
        ("daemonsets", {"updateStrategy": {"type": "X"}}, ['spec.updateStrategy: Unsupported value: {"Type":"X","RollingUpdate":null}: supported values: "RollingUpdate", "OnDelete"']),
        ("rc", {"selector": {"a": "b"}}, [MISMATCH]),
        ("rc", {"template": None, "selector": None}, ["spec.selector: Required value", "spec.template: Required value"]),
    ],
)  # fmt: skip
def test_long_running_workloads(word: str, fields: dict[str, Any], errors: list[str]) -> None:
    spec = {k: v for k, v in workload(**fields).items() if v is not None}
    assert refusals(word, spec=spec) == errors


@pytest.mark.parametrize("word", ["deployments", "replicasets", "daemonsets"])
def test_selectors_are_fixed(word: str) -> None:
    other = workload(selector={"matchLabels": {"app": "z"}})
    fixed = 'spec.selector: Invalid value: {"matchLabels":{"app":"z"}}: field is immutable'
    assert update_refusals(word, made(word, spec=other), made(word, spec=workload())) == [MISMATCH, fixed]


STATEFUL = (
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"replicas": 5, "minReadySeconds": 3, "ordinals": {"start": 2}, "revisionHistoryLimit": 1}, []),
        ({"serviceName": "other"}, [STATEFUL]),
        ({"podManagementPolicy": "Parallel"}, [STATEFUL]),
    ],
)
def test_most_of_a_stateful_set_is_fixed(change: dict[str, Any], errors: list[str]) -> None:
    new, old = (made("statefulsets", spec=workload(**fields)) for fields in (change, {}))
    assert update_refusals("statefulsets", new, old) == errors


# ---------------------------------------------------------------------- Jobs


def job_spec(**fields: Any) -> dict[str, Any]:
    return {"template": {"spec": pod_spec(restartPolicy="Never")}, **fields}


RULE = {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [1]}}


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({}, []),
        ({"template": {"spec": pod_spec()}}, ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"']),
        ({"template": {"spec": pod_spec(restartPolicy="X")}}, ['spec.template.spec.restartPolicy: Unsupported value: "X": supported values: "Always", "OnFailure", "Never"', 'spec.template.spec.restartPolicy: Unsupported value: "X": supported values: "OnFailure", "Never"']),
        ({"parallelism": -1}, ["spec.parallelism: Invalid value: -1: must be greater than or equal to 0"]),
        ({"completionMode": "Indexed", "parallelism": 1}, ["spec.completions: Required value: when completion mode is Indexed"]),
        ({"completionMode": "Some"}, ['spec.completionMode: Unsupported value: "Some": supported values: "NonIndexed", "Indexed"']),
        ({"backoffLimitPerIndex": 1}, ["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"]),
        ({"podReplacementPolicy": "X"}, ['spec.podReplacementPolicy: Unsupported value: "X": supported values: "Failed", "TerminatingOrFailed"']),
        ({"manualSelector": True}, ["spec.selector: Required value", "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`"]),
        ({"selector": {"matchLabels": {"a": "b"}}}, ["spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\",\"batch.kubernetes.io/controller-uid\":\"1f5a2c0e-0000-4000-8000-000000000001\"}}: `selector` not auto-generated", "spec.template.metadata.labels: Invalid value:"]),
        ({"podFailurePolicy": {"rules": [RULE]}}, []),
        ({"podFailurePolicy": {"rules": [{}]}}, ['spec.podFailurePolicy.rules[0].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]', "spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required"]),
        ({"podFailurePolicy": {"rules": [{**RULE, "onExitCodes": {"operator": "In", "values": [2, 0]}}]}}, ["spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator", "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2,0]: must be ordered"]),
        ({"successPolicy": {"rules": []}}, ['spec.successPolicy: Invalid value: {"rules":[]}: requires indexed completion mode']),
        ({"completionMode": "Indexed", "completions": 3, "successPolicy": {"rules": [{"succeededIndexes": "0,2-1"}]}}, ['spec.successPolicy.rules[0].succeededIndexes: Invalid value: "0,2-1": error parsing succeededIndexes: non-increasing order, previous: 2, current: 1']),
        ({"managedBy": "me"}, ['spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")']),
    ],
)  # fmt: skip
def test_jobs(fields: dict[str, Any], errors: list[str]) -> None:
    got = refusals("jobs", spec=job_spec(**fields))
    assert len(got) == len(errors) and all(g.startswith(e) for g, e in zip(got, errors, strict=True))


@pytest.mark.parametrize(
    ("before", "after", "errors"),
    [
        ({}, {"parallelism": 3, "completions": 1}, []),
        ({}, {"suspend": True}, []),
        ({}, {"completions": 2}, ["spec.completions: Invalid value: 2: field is immutable"]),
        ({}, {"template": {"spec": pod_spec(restartPolicy="OnFailure")}}, ["spec.template: Invalid value: "]),
        ({"suspend": True}, {"suspend": True, "template": {"spec": pod_spec(restartPolicy="Never", nodeSelector={"a": "b"})}}, []),
        ({}, {"template": {"spec": pod_spec(restartPolicy="Never", nodeSelector={"a": "b"})}}, ["spec.template: Invalid value: "]),
        ({"completionMode": "Indexed", "completions": 2}, {"completionMode": "Indexed", "completions": 3, "parallelism": 3}, []),
        ({"completionMode": "Indexed", "completions": 2}, {"completionMode": "Indexed", "completions": 3}, ["spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism"]),
    ],
)  # fmt: skip
def test_what_of_a_job_may_change(before: dict[str, Any], after: dict[str, Any], errors: list[str]) -> None:
    got = update_refusals("jobs", made("jobs", spec=job_spec(**after)), made("jobs", spec=job_spec(**before)))
    assert len(got) == len(errors) and all(g.startswith(e) for g, e in zip(got, errors, strict=True))


def test_a_finished_jobs_status_is_consistent() -> None:
    job = stored(made("jobs", spec=job_spec()))
    status = {"conditions": [{"type": "Complete", "status": "True"}], "active": 1}
    got = [str(e) for e in kind("jobs").validate_status_update({**job, "status": status}, job)]
    assert got == [
        "status.completionTime: Required value: completionTime is required for Complete jobs",
        "status.active: Invalid value: 1: active>0 is invalid for finished job",
        "status.startTime: Required value: startTime is required for finished job",
    ]


def cron_spec(**fields: Any) -> dict[str, Any]:
    return {"schedule": "* * * * *", "jobTemplate": {"spec": job_spec()}, **fields}


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({}, []),
        ({"schedule": ""}, ["spec.schedule: Required value"]),
        ({"schedule": "every minute"}, ['spec.schedule: Invalid value: "every minute": expected exactly 5 fields, found 2: [every minute]']),
        ({"schedule": "TZ=UTC * * * * *"}, ['spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead']),
        ({"timeZone": "UTC"}, []),
        ({"timeZone": ""}, ['spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string']),
        ({"timeZone": "Mars/Base"}, ['spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base']),
        ({"timeZone": "Local"}, ['spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones']),
        ({"concurrencyPolicy": "X"}, ['spec.concurrencyPolicy: Unsupported value: "X": supported values: "Allow", "Forbid", "Replace"']),
        ({"failedJobsHistoryLimit": -1}, ["spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0"]),
        ({"jobTemplate": {"spec": job_spec(selector={"matchLabels": {"a": "b"}})}}, ['spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: `selector` will be auto-generated']),
        ({"jobTemplate": {"spec": {"template": {"spec": pod_spec()}}}}, ['spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"']),
    ],
)  # fmt: skip
def test_cron_jobs(fields: dict[str, Any], errors: list[str]) -> None:
    assert refusals("cronjobs", spec=cron_spec(**fields)) == errors


def test_the_name_of_a_new_cron_job_leaves_room_for_its_jobs() -> None:
    too_long = "x" * 53
    assert refusals("cronjobs", too_long, spec=cron_spec()) == [
        f'metadata.name: Invalid value: "{too_long}": must be no more than 52 characters'
    ]
    old = made("cronjobs", too_long, spec=cron_spec())
    assert update_refusals("cronjobs", old, old) == []


# ---------------------------------------------------------------------- the others


def test_controller_revisions_are_never_changed() -> None:
    old = made("controllerrevisions", data={"a": 1}, revision=1)
    assert refusals("controllerrevisions", revision=-1) == [
        "data: Required value: data is mandatory",
        "revision: Invalid value: -1: must be greater than or equal to 0",
    ]
    assert update_refusals("controllerrevisions", {**old, "revision": 2}, old) == []
    assert update_refusals("controllerrevisions", {**old, "data": {}}, old) == [
        "data: Invalid value: {}: field is immutable"
    ]


@pytest.mark.parametrize(
    ("word", "status", "error"),
    [
        ("deployments", {"replicas": 1, "readyReplicas": 2}, "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas"),
        ("deployments", {"replicas": 1, "availableReplicas": 1}, "status.availableReplicas: Invalid value: 1: cannot be greater than readyReplicas"),
        ("replicasets", {"observedGeneration": -1}, "status.observedGeneration: Invalid value: -1: must be greater than or equal to 0"),
        ("statefulsets", {"replicas": 1, "readyReplicas": 0, "availableReplicas": 1}, "status.availableReplicas: Invalid value: 1: cannot be greater than status.readyReplicas"),
        ("daemonsets", {"numberReady": -1}, "status.numberReady: Invalid value: -1: must be greater than or equal to 0"),
    ],
)  # fmt: skip
def test_counters_in_a_status_agree(word: str, status: dict[str, Any], error: str) -> None:
    old = stored(made(word, spec=workload()))
    assert [str(e) for e in kind(word).validate_status_update({**old, "status": status}, old)] == [error]


TAINT = {"key": "a", "effect": "NoSchedule"}


def test_nodes() -> None:
    assert refusals("nodes", spec={"taints": [TAINT]}) == []
    assert refusals("nodes", spec={"taints": [TAINT, TAINT, {"key": "b", "effect": "X"}]}) == [
        'metadata.taints[1]: Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}: '
        "taints must be unique by key and effect pair",
        'metadata.taints[2].effect: Unsupported value: "X": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ]
    old = made("nodes", spec={"podCIDR": "10.1.0.0/24", "providerID": "a"})
    assert update_refusals("nodes", made("nodes"), old) == [
        'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
        'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
    ]


def test_namespaces() -> None:
    assert refusals("namespaces", spec={"finalizers": ["mine"]}) == [
        'spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified'
    ]
    old = stored(made("namespaces"))
    (error,) = kind("ns").validate_status_update({**old, "status": {"phase": "Terminating"}}, old)
    assert str(error) == (
        "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"
    )


@pytest.mark.parametrize(
    ("event", "errors"),
    [
        ({"involvedObject": {"namespace": "default"}}, []),
        ({"involvedObject": {"namespace": "other"}}, ['involvedObject.namespace: Invalid value: "other": does not match event.namespace']),
        ({"involvedObject": {"kind": "Node"}}, []),
        ({"involvedObject": {"kind": "Node"}, "eventTime": "2026-01-01T00:00:00.000000Z", "reportingComponent": "a.b/c", "reportingInstance": "d", "action": "e", "reason": "f"}, []),
        ({"involvedObject": {"kind": "Node"}, "eventTime": "2026-01-01T00:00:00.000000Z", "reportingComponent": "a.b/c", "reportingInstance": "d", "reason": "f" * 129}, ["action: Required value", 'reason: Invalid value: "": can have at most 128 characters']),
    ],
)  # fmt: skip
def test_events(event: dict[str, Any], errors: list[str]) -> None:
    assert refusals("events", **event) == errors


def test_an_error_about_a_whole_part_shows_no_value() -> None:
    from minikctl.api.errors import field_invalid_whole

    error = field_invalid_whole("spec.x", "too much")
    assert invalid("Job", "batch", "x", [error]).message == (
        'Job.batch "x" is invalid: spec.x: Invalid value: too much'
    )


@pytest.mark.parametrize(("text", "count"), [("", 0), ("0", 1), ("1,3-5,7", 5)])
def test_indexes_are_counted(text: str, count: int) -> None:
    from minikctl.api.validation.job_policies import count_indexes

    assert count_indexes(text, 10) == count


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", 'cannot convert string to integer for index: "a"'),
        ("1-2-3", 'the fragment "1-2-3" violates the requirement that an index interval can have at most two parts'),
        ("12", 'too large index: "12"'),
        ("3,2", "non-increasing order, previous: 3, current: 2"),
    ],
)
def test_indexes_that_are_refused(text: str, message: str) -> None:
    from minikctl.api.validation.job_policies import count_indexes

    with pytest.raises(ValueError, match="^" + message):
        count_indexes(text, 10)
