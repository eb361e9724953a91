"""Pod Security Standards: each check in its words, versions, and the labels of a namespace."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.meta import Obj
from minikctl.api.policy.pod_security import LATEST, Level, details, evaluate, policy_of

GOOD: Obj = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def c(name: str = "a", context: Obj | None = None, **more: Any) -> Obj:
    """A container that is restricted but for what is given."""
    merged = {k: v for k, v in {**GOOD, **(context or {})}.items() if v is not None}
    return {"name": name, "image": "i", "securityContext": merged, **more}


def check(level: str, spec: Obj, version: int = LATEST, **annotations: str) -> str:
    keys = {k.replace("__", "/").replace("_", "."): v for k, v in annotations.items()}
    return details(evaluate(Level(level, version), {"annotations": keys}, {"containers": [c()], **spec}))


def with_context(**context: Any) -> Obj:
    return {"containers": [c(context=context)]}


BASELINE = [
    ({}, ""),
    (with_context(privileged=True), 'privileged (container "a" must not set securityContext.privileged=true)'),
    (
        {"containers": [c("a", {"privileged": True})], "initContainers": [c("i", {"privileged": True})]},
        'privileged (containers "i", "a" must not set securityContext.privileged=true)',
    ),
    (
        {"hostNetwork": True, "hostPID": True, "hostIPC": True},
        "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)",
    ),
    (
        {"volumes": [{"name": "v", "hostPath": {"path": "/"}}, {"name": "e", "emptyDir": {}}]},
        'hostPath volumes (volume "v")',
    ),
    (
        {"containers": [c("a", ports=[{"hostPort": 80}, {"hostPort": 443}]), c("b", ports=[{"hostPort": 8080}])]},
        'hostPort (containers "a", "b" use hostPorts 443, 80, 8080)',
    ),
    ({"containers": [c("a", ports=[{"hostPort": 80}])]}, 'hostPort (container "a" uses hostPort 80)'),
    (
        with_context(capabilities={"add": ["NET_RAW", "SYS_ADMIN", "CHOWN"]}),
        'non-default capabilities (container "a" must not include "NET_RAW", "SYS_ADMIN" in '
        "securityContext.capabilities.add)",
    ),
    (
        with_context(procMount="Unmasked"),
        'procMount (container "a" must not set securityContext.procMount to "Unmasked")',
    ),
    ({"hostUsers": False, **with_context(procMount="Unmasked")}, ""),
    (
        with_context(seccompProfile={"type": "Unconfined"}),
        'seccompProfile (container "a" must not set securityContext.seccompProfile.type to "Unconfined")',
    ),
    (
        {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
        'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    ),
    (
        {"securityContext": {"seLinuxOptions": {"type": "spc_t", "user": "u"}}},
        'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)',
    ),
    (with_context(seLinuxOptions={"type": "container_engine_t"}), ""),
    (
        {"securityContext": {"sysctls": [{"name": "kernel.msgmax"}, {"name": "net.ipv4.tcp_rmem"}]}},
        "forbidden sysctls (kernel.msgmax)",
    ),
    (
        {"securityContext": {"windowsOptions": {"hostProcess": True}}},
        "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
    ),
    (
        with_context(appArmorProfile={"type": "Unconfined"}),
        'forbidden AppArmor profile (container "a" must not set AppArmor profile type to "Unconfined")',
    ),
    (
        {
            "containers": [
                c("a", livenessProbe={"httpGet": {"host": "h1"}}, lifecycle={"preStop": {"tcpSocket": {"host": "h2"}}})
            ]
        },
        'probe or lifecycle host (container "a" uses probe or lifecycle hosts "h1", "h2")',
    ),
    (
        {"hostPID": True, **with_context(privileged=True)},
        'host namespaces (hostPID=true), privileged (container "a" must not set securityContext.privileged=true)',
    ),
    (with_context(runAsUser=0, allowPrivilegeEscalation=True, runAsNonRoot=None), ""),
]


@pytest.mark.parametrize(("spec", "expected"), BASELINE)
def test_baseline(spec: Obj, expected: str) -> None:
    assert check("baseline", spec) == expected
    assert check("privileged", spec) == ""


RESTRICTED = [
    ({}, ""),
    (
        {"containers": [{"name": "a"}, {"name": "b"}]},
        'allowPrivilegeEscalation != false (containers "a", "b" must set '
        "securityContext.allowPrivilegeEscalation=false), "
        'unrestricted capabilities (containers "a", "b" must set securityContext.capabilities.drop=["ALL"]), '
        'runAsNonRoot != true (pod or containers "a", "b" must set securityContext.runAsNonRoot=true), '
        'seccompProfile (pod or containers "a", "b" must set securityContext.seccompProfile.type to '
        '"RuntimeDefault" or "Localhost")',
    ),
    (
        with_context(capabilities={"add": ["CHOWN", "NET_BIND_SERVICE"], "drop": ["NET_RAW"]}),
        'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]; '
        'container "a" must not include "CHOWN" in securityContext.capabilities.add)',
    ),
    (
        {"volumes": [{"name": "v", "hostPath": {"path": "/"}}, {"name": "n", "nfs": {}}, {"name": "s", "secret": {}}]},
        'restricted volume types (volumes "v", "n" use restricted volume types "hostPath", "nfs")',
    ),
    (with_context(runAsUser=0), 'runAsUser=0 (container "a" must not set runAsUser=0)'),
    (
        {"securityContext": {"runAsNonRoot": False}},
        "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)",
    ),
    ({"securityContext": {"runAsNonRoot": True}, **with_context(runAsNonRoot=None)}, ""),
    ({"securityContext": {"seccompProfile": {"type": "Localhost"}}, **with_context(seccompProfile=None)}, ""),
    ({"hostUsers": False, **with_context(runAsNonRoot=None, runAsUser=0)}, ""),
    (
        {"hostUsers": False, **with_context(procMount="Unmasked")},
        'procMount (container "a" must not set securityContext.procMount to "Unmasked")',
    ),
    (
        {"os": {"name": "windows"}, **with_context(capabilities=None, seccompProfile=None, runAsNonRoot=None)},
        'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)',
    ),
    ({"hostPID": True}, "host namespaces (hostPID=true)"),
]


@pytest.mark.parametrize(("spec", "expected"), RESTRICTED)
def test_restricted(spec: Obj, expected: str) -> None:
    assert check("restricted", spec) == expected


@pytest.mark.parametrize(
    ("level", "spec", "version", "is_allowed"),
    [
        ("baseline", {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_rmem"}]}}, 31, False),
        ("baseline", {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_rmem"}]}}, 32, True),
        ("baseline", {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_slow_start_after_idle"}]}}, 99, False),
        ("baseline", with_context(seLinuxOptions={"type": "container_engine_t"}), 30, False),
        ("baseline", with_context(seccompProfile={"type": "Unconfined"}), 18, True),
        ("baseline", {"hostUsers": False, **with_context(procMount="Unmasked")}, 34, False),
        ("restricted", with_context(runAsUser=0), 22, True),
        ("restricted", with_context(runAsUser=0), 23, False),
        ("restricted", with_context(capabilities=None), 21, True),
        ("restricted", {"os": {"name": "windows"}, **with_context(capabilities=None)}, 24, False),
    ],
)
def test_versions(level: str, spec: Obj, version: int, is_allowed: bool) -> None:
    assert (check(level, spec, version) == "") is is_allowed


def test_annotations_of_old() -> None:
    seccomp = {"seccomp_security_alpha_kubernetes_io__pod": "unconfined"}
    assert check("baseline", {}, 18, **seccomp) == (
        'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")'
    )
    assert check("baseline", {}, 19, **seccomp) == ""
    armor = {"container_apparmor_security_beta_kubernetes_io__a": "unconfined"}
    assert check("baseline", {}, **armor) == (
        "forbidden AppArmor profile (annotation must not set AppArmor profile type to "
        '"container.apparmor.security.beta.kubernetes.io/a="unconfined"")'
    )


@pytest.mark.parametrize(
    ("labels", "levels", "faults"),
    [
        ({}, ("privileged:latest",) * 3, []),
        ({"enforce": "baseline"}, ("baseline:latest", "privileged:latest", "baseline:latest"), []),
        (
            {"enforce": "baseline", "enforce-version": "v1.20"},
            ("baseline:v1.20", "privileged:latest", "baseline:v1.20"),
            [],
        ),
        (
            {"enforce": "restricted", "warn": "privileged", "audit": "baseline", "audit-version": "v1.0"},
            ("restricted:latest", "baseline:v1.0", "privileged:latest"),
            [],
        ),
        (
            {"enforce": "tight", "warn": "x", "warn-version": "1.2"},
            ("restricted:latest", "privileged:latest", "privileged:latest"),
            [
                'metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "tight": must be one of '
                "privileged, baseline, restricted",
                'metadata.labels[pod-security.kubernetes.io/warn]: Invalid value: "x": must be one of '
                "privileged, baseline, restricted",
                'metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1.2": must be "latest" or '
                '"v1.x"',
            ],
        ),
    ],
)
def test_labels(labels: dict[str, str], levels: tuple[str, ...], faults: list[str]) -> None:
    policy, errors = policy_of({f"pod-security.kubernetes.io/{k}": v for k, v in labels.items()})
    assert (str(policy.enforce), str(policy.audit), str(policy.warn)) == levels
    assert [str(e) for e in errors] == faults
