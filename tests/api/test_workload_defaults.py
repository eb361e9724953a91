"""Defaults of the kinds that make pods, and what the server sets on new ones."""

from typing import Any

import pytest

from tests.api.building import UID, kind, made, pod_spec, stored, template, workload


@pytest.mark.parametrize(
    ("word", "spec"),
    [
        (
            "deployments",
            {
                "replicas": 1,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
                "revisionHistoryLimit": 10,
                "progressDeadlineSeconds": 600,
            },
        ),
        ("replicasets", {"replicas": 1}),
        (
            "statefulsets",
            {
                "replicas": 1,
                "serviceName": "",
                "podManagementPolicy": "OrderedReady",
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
                "revisionHistoryLimit": 10,
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            },
        ),
        (
            "daemonsets",
            {
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
                "revisionHistoryLimit": 10,
            },
        ),
    ],
)
def test_long_running_workloads(word: str, spec: dict[str, Any]) -> None:
    got = made(word, spec=workload())["spec"]
    assert {k: v for k, v in got.items() if k not in ("selector", "template")} == spec
    assert got["template"]["spec"]["restartPolicy"] == "Always"


@pytest.mark.parametrize(
    ("word", "field", "given"),
    [
        ("deployments", "strategy", {"type": "Recreate"}),
        ("deployments", "strategy", {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}),
        ("statefulsets", "updateStrategy", {"type": "OnDelete"}),
        ("daemonsets", "updateStrategy", {"type": "OnDelete"}),
        ("deployments", "replicas", 0),
    ],
)
def test_what_is_given_stays(word: str, field: str, given: object) -> None:
    assert made(word, spec=workload(**{field: given}))["spec"][field] == given


def test_claim_templates_are_whole_claims() -> None:
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    (got,) = made("statefulsets", spec=workload(volumeClaimTemplates=[claim]))["spec"]["volumeClaimTemplates"]
    assert (got["apiVersion"], got["kind"], got["status"]) == ("v1", "PersistentVolumeClaim", {"phase": "Pending"})
    assert got["spec"]["volumeMode"] == "Filesystem"


JOB = {"completionMode": "NonIndexed", "suspend": False, "manualSelector": False, "parallelism": 1, "backoffLimit": 6}


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        ({}, {**JOB, "completions": 1, "podReplacementPolicy": "TerminatingOrFailed"}),
        ({"parallelism": 3}, {**JOB, "parallelism": 3, "podReplacementPolicy": "TerminatingOrFailed"}),
        ({"completions": 4}, {**JOB, "completions": 4, "podReplacementPolicy": "TerminatingOrFailed"}),
        (
            {"backoffLimitPerIndex": 1, "completions": 2, "completionMode": "Indexed"},
            {
                **JOB,
                "completions": 2,
                "completionMode": "Indexed",
                "backoffLimitPerIndex": 1,
                "backoffLimit": 2**31 - 1,
                "podReplacementPolicy": "TerminatingOrFailed",
            },
        ),
    ],
)
def test_jobs(given: dict[str, Any], filled: dict[str, Any]) -> None:
    got = made("jobs", spec={"template": {"spec": pod_spec(restartPolicy="Never")}, **given})["spec"]
    assert {k: v for k, v in got.items() if k not in ("selector", "template")} == filled


def test_a_job_selects_its_pods_by_its_own_uid() -> None:
    job = made("jobs", "once", spec={"template": template(restartPolicy="Never")})
    labels = {
        "app": "x",
        "batch.kubernetes.io/controller-uid": UID,
        "batch.kubernetes.io/job-name": "once",
        "controller-uid": UID,
        "job-name": "once",
    }
    assert job["spec"]["template"]["metadata"]["labels"] == labels
    assert job["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": UID}}
    assert job["metadata"]["labels"] == {"app": "x"}  # those of the template as it was written
    bare = made("jobs", "once", spec={"template": {"spec": pod_spec(restartPolicy="Never")}})
    assert bare["metadata"]["labels"]["job-name"] == "once"


def test_a_job_with_a_selector_of_its_own_is_left_alone() -> None:
    spec = {"manualSelector": True, "selector": {"matchLabels": {"app": "x"}}, "template": template()}
    job = made("jobs", spec=spec)
    assert job["spec"]["selector"] == {"matchLabels": {"app": "x"}}
    assert job["spec"]["template"]["metadata"]["labels"] == {"app": "x"}


def test_cron_jobs_default_their_template_but_not_its_job() -> None:
    job = {"spec": {"template": {"spec": pod_spec(restartPolicy="Never")}}}
    got = made("cronjobs", spec={"schedule": "* * * * *", "jobTemplate": job})["spec"]
    settings = {k: v for k, v in got.items() if k not in ("schedule", "jobTemplate")}
    assert settings == {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    }
    assert list(got["jobTemplate"]["spec"]) == ["template"]
    assert got["jobTemplate"]["spec"]["template"]["spec"]["dnsPolicy"] == "ClusterFirst"


def test_a_replication_controller_takes_labels_and_selector_from_its_template() -> None:
    made_one = made("rc", spec={"template": template({"a": "b"})})
    assert made_one["spec"]["selector"] == {"a": "b"} == made_one["metadata"]["labels"]
    assert made_one["spec"]["replicas"] == 1


def test_daemon_sets_count_their_templates() -> None:
    old = stored(made("daemonsets", spec=workload()))
    key = "deprecated.daemonset.template.generation"
    assert old["metadata"]["annotations"] == {key: "1"}
    for spec, expected in ((old["spec"], "1"), (workload(template=template(hostPID=True)), "2")):
        new = {**old, "metadata": dict(old["metadata"]), "spec": spec}
        kind("daemonsets").prepare_for_update(new, old)
        assert new["metadata"]["annotations"][key] == expected


def test_new_pods_are_pending_and_classified() -> None:
    assert made("pods", spec=pod_spec())["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    (condition,) = made("pods", spec=pod_spec(schedulingGates=[{"name": "a/b"}]))["status"]["conditions"]
    assert (condition["type"], condition["reason"]) == ("PodScheduled", "SchedulingGated")


def test_keys_of_the_pods_own_labels_become_expressions() -> None:
    term = {"topologyKey": "zone", "labelSelector": {}, "matchLabelKeys": ["v", "none"], "mismatchLabelKeys": ["t"]}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    spec = made("pods", labels={"v": "1", "t": "2"}, spec=pod_spec(affinity=affinity))["spec"]
    (got,) = spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert got["labelSelector"]["matchExpressions"] == [
        {"key": "v", "operator": "In", "values": ["1"]},
        {"key": "t", "operator": "NotIn", "values": ["2"]},
    ]


def test_a_namespace_is_labelled_and_held_until_it_is_empty() -> None:
    made_one = made("namespaces", "team", labels={"a": "b"})
    assert made_one["metadata"]["labels"] == {"a": "b", "kubernetes.io/metadata.name": "team"}
    assert (made_one["spec"], made_one["status"]) == ({"finalizers": ["kubernetes"]}, {"phase": "Active"})
    k = kind("ns")
    assert k.holds_deletion is not None and k.prepare_for_delete is not None
    assert k.holds_deletion(made_one)
    k.prepare_for_delete(made_one)
    assert made_one["status"] == {"phase": "Terminating"}
    assert not k.holds_deletion({**made_one, "spec": {}})


def test_a_namespaces_finalizers_change_by_finalizing_alone() -> None:
    old = stored(made("namespaces", "team"))
    new = {**old, "metadata": {"name": "team"}, "spec": {"finalizers": []}}
    kind("ns").prepare_for_update(new, old)
    assert new["spec"] == {"finalizers": ["kubernetes"]}
    assert new["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}


def test_a_node_offers_all_it_has_when_it_keeps_nothing() -> None:
    node = made("nodes", spec={"podCIDR": "10.1.0.0/24"}, status={"capacity": {"cpu": "4"}})
    assert node["status"]["allocatable"] == {"cpu": "4"}
    assert node["spec"] == {"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"]}
