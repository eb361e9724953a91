"""Hashes of templates, and the quality of service that a pod gets."""

from typing import Any

import pytest

from minikctl.api.hashing import fnv1a, safe_encode, template_hash
from minikctl.api.meta import ALPHABET
from minikctl.api.qos import qos_class
from tests.api.building import container, template


@pytest.mark.parametrize(("text", "value"), [(b"", 0x811C9DC5), (b"a", 0xE40C292C), (b"foobar", 0xBF9CF968)])
def test_fnv_1a(text: bytes, value: int) -> None:
    assert fnv1a(text) == value


def test_digits_are_spelled_in_the_safe_alphabet() -> None:
    spelled = safe_encode("0123456789")
    assert set(spelled) <= set(ALPHABET) and len(set(spelled)) == 10


def test_a_template_has_one_hash_whatever_the_order_of_its_keys() -> None:
    one = {"metadata": {"labels": {"a": "1", "b": "2"}}, "spec": {"x": 1, "y": 2}}
    other = {"spec": {"y": 2, "x": 1}, "metadata": {"annotations": {}, "labels": {"b": "2", "a": "1"}}}
    assert template_hash(one) == template_hash(other)
    assert 1 <= len(template_hash(one)) <= 10
    assert set(template_hash(one)) <= set(ALPHABET)


def test_other_templates_and_collisions_have_other_hashes() -> None:
    base = template()
    hashes = [template_hash(t) for t in (base, template(hostPID=True), template({"app": "y"}))]
    hashes += [template_hash(base, n) for n in (0, 1, 2)]
    assert len(set(hashes)) == 6


def pod(*resources: dict[str, Any], init: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    containers = [container(resources=r) for r in resources]
    made: dict[str, Any] = {"containers": containers, **spec}
    if init:
        made["initContainers"] = [container(resources=init)]
    return {"spec": made}


BOTH = {"cpu": "1", "memory": "1Gi"}
FULL = {"requests": BOTH, "limits": BOTH}


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (pod({}), "BestEffort"),
        (pod({"requests": {"cpu": "0"}}), "BestEffort"),
        (pod({"requests": {"nvidia.com/gpu": "1"}}), "BestEffort"),
        (pod(FULL), "Guaranteed"),
        (pod({"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": BOTH}), "Guaranteed"),
        (pod(FULL, {}), "Burstable"),
        (pod(FULL, init={"requests": {"cpu": "1"}}), "Burstable"),
        (pod({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}), "Burstable"),
        (pod({"requests": {"memory": "1Mi"}}), "Burstable"),
        (pod({"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": BOTH}), "Burstable"),
        (pod({}, resources=FULL), "Guaranteed"),
        (pod({}, resources={"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}), "Burstable"),
    ],
)
def test_classes(subject: dict[str, Any], expected: str) -> None:
    assert qos_class(subject) == expected
