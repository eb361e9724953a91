"""Server-side apply: ownership, conflicts, pruning."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.apply import fields, managers, shape
from minikctl.api.apply.managers import APPLY, UPDATE, Manager
from minikctl.api.errors import ApiError

DEPLOYMENT = shape.built_in("apps/v1.Deployment")
SERVICE = shape.built_in("core/v1.Service")


def deployment(
    image: str = "web:1", *, replicas: int | None = None, env: dict[str, str] | None = None, **labels: str
) -> dict:
    container: dict[str, Any] = {"name": "web", "image": image}
    if env:
        container["env"] = [{"name": k, "value": v} for k, v in env.items()]
    spec: dict[str, Any] = {"template": {"spec": {"containers": [container]}}}
    if replicas is not None:
        spec["replicas"] = replicas
    return {"metadata": {"name": "web", "labels": labels} if labels else {"name": "web"}, "spec": spec}


def applied(live: dict | None, config: dict, who: str, *, force: bool = False, of: shape.Shape = DEPLOYMENT) -> dict:
    obj, entries = managers.apply(of, live, config, Manager(who, APPLY, "apps/v1"), "now", force=force)
    return {**obj, "metadata": {**obj["metadata"], "managedFields": managers.encode(entries)}}


def updated(live: dict, new: dict, who: str, subresource: str = "") -> dict:
    entries = managers.after_update(DEPLOYMENT, live, new, None, Manager(who, UPDATE, "apps/v1", subresource), "now")
    return {**new, "metadata": {**new["metadata"], "managedFields": managers.encode(entries)}}


def owners(obj: dict, path: str) -> set[str]:
    return {e.manager.name for e in managers.entries_of(obj) for p in fields.paths(e.fields) if fields.show(p) == path}


def changed(obj: dict, **spec: Any) -> dict:
    return {**obj, "spec": {**obj["spec"], **spec}}


def test_the_applier_owns_what_it_names() -> None:
    obj = applied(None, deployment(replicas=2, app="web"), "me")
    assert owners(obj, ".spec.replicas") == {"me"} and owners(obj, ".metadata.labels.app") == {"me"}
    assert owners(obj, ".metadata.name") == set()
    assert owners(obj, '.spec.template.spec.containers[name="web"].image') == {"me"}


def test_an_update_takes_fields_away() -> None:
    obj = applied(None, deployment(replicas=2), "me")
    obj = updated(obj, changed(obj, replicas=5), "hpa", "scale")
    assert owners(obj, ".spec.replicas") == {"hpa"}
    with pytest.raises(ApiError) as e:
        applied(obj, deployment(replicas=2), "me")
    assert e.value.code == 409 and e.value.message == (
        'Apply failed with 1 conflict: conflict with "hpa" with subresource "scale" using apps/v1: .spec.replicas'
    )
    assert e.value.details["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "hpa" with subresource "scale" using apps/v1',
            "field": ".spec.replicas",
        }
    ]


def test_force_takes_them_back() -> None:
    obj = applied(None, deployment(replicas=2), "me")
    obj = updated(obj, changed(obj, replicas=5), "hpa")
    obj = applied(obj, deployment(replicas=2), "me", force=True)
    assert obj["spec"]["replicas"] == 2 and owners(obj, ".spec.replicas") == {"me"}


def test_the_same_value_is_shared() -> None:
    obj = applied(None, deployment(replicas=2), "me")
    obj = applied(obj, deployment(replicas=2), "you")
    assert owners(obj, ".spec.replicas") == {"me", "you"}
    obj = applied(obj, deployment(), "me")
    assert obj["spec"]["replicas"] == 2 and owners(obj, ".spec.replicas") == {"you"}
    obj = applied(obj, deployment(), "you")
    assert "replicas" not in obj["spec"]


def test_giving_up_a_field_hands_it_over() -> None:
    obj = applied(None, deployment(replicas=2), "me")
    obj = updated(obj, changed(obj, replicas=5), "hpa")
    obj = applied(obj, deployment(), "me")
    assert obj["spec"]["replicas"] == 5 and owners(obj, ".spec.replicas") == {"hpa"}


def test_list_items_belong_to_those_who_name_them() -> None:
    obj = applied(None, deployment(env={"A": "1", "B": "2"}), "me")
    obj = applied(obj, deployment(env={"C": "3"}), "you")
    container = obj["spec"]["template"]["spec"]["containers"][0]
    assert {e["name"] for e in container["env"]} == {"A", "B", "C"}
    obj = applied(obj, deployment(env={"A": "1"}), "me")
    container = obj["spec"]["template"]["spec"]["containers"][0]
    assert {e["name"]: e["value"] for e in container["env"]} == {"A": "1", "C": "3"}


def test_several_conflicts_are_listed_by_manager() -> None:
    obj = applied(None, deployment("web:1", replicas=2), "me")
    with pytest.raises(ApiError) as e:
        applied(obj, deployment("web:2", replicas=3), "you")
    assert e.value.message == (
        'Apply failed with 2 conflicts: conflicts with "me":\n'
        '- .spec.replicas\n- .spec.template.spec.containers[name="web"].image'
    )


def test_an_atomic_value_has_one_owner() -> None:
    selector = {"metadata": {"name": "s"}, "spec": {"selector": {"app": "a"}}}
    obj = applied(None, selector, "me", of=SERVICE)
    assert owners(obj, ".spec.selector") == {"me"}
    with pytest.raises(ApiError, match=r"\.spec\.selector"):
        applied(obj, {"metadata": {"name": "s"}, "spec": {"selector": {"app": "a", "tier": "b"}}}, "you", of=SERVICE)


def test_keys_with_defaults_match() -> None:
    live = applied(
        None, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80, "protocol": "TCP"}]}}, "me", of=SERVICE
    )
    again = applied(
        live, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80, "name": "http"}]}}, "me", of=SERVICE
    )
    assert len(again["spec"]["ports"]) == 1 and again["spec"]["ports"][0]["name"] == "http"


def test_an_object_from_before_belongs_to_nobody_known() -> None:
    live = deployment(replicas=2)
    with pytest.raises(ApiError, match="before-first-apply"):
        applied(live, deployment(replicas=3), "me")
    assert owners(applied(live, deployment(replicas=2), "me"), ".spec.replicas") == {"me", "before-first-apply"}


def test_kubectl_takes_over_from_its_own_client_side_apply() -> None:
    live = deployment(replicas=2)
    live["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    live = updated({"metadata": {"name": "web"}}, live, "kubectl-client-side-apply")
    assert applied(live, deployment(replicas=3), "kubectl")["spec"]["replicas"] == 3


def test_removed_fields_leave_every_set() -> None:
    obj = applied(None, deployment(replicas=2), "me")
    without = {**obj, "spec": {"template": obj["spec"]["template"]}}
    obj = updated(obj, without, "you")
    assert owners(obj, ".spec.replicas") == set()


def test_many_updaters_are_summed_up() -> None:
    obj = updated({"metadata": {"name": "web"}}, deployment(replicas=0), "first")
    for i in range(14):
        new = {**obj, "metadata": {**obj["metadata"], "labels": {**obj["metadata"].get("labels", {}), f"l{i}": "x"}}}
        entries = managers.after_update(DEPLOYMENT, obj, new, None, Manager(f"m{i:02}", UPDATE, "apps/v1"), f"{i:02}")
        obj = {**new, "metadata": {**new["metadata"], "managedFields": managers.encode(entries)}}
    names = {e.manager.name for e in managers.entries_of(obj)}
    assert len(names) == managers.MAX_UPDATERS and "ancient-changes" in names and "m13" in names


def test_custom_resources_by_their_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "size": {"type": "integer"},
                    "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
                    "parts": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["id"],
                        "items": {"type": "object", "properties": {"id": {"type": "string"}, "n": {"type": "integer"}}},
                    },
                },
            }
        },
    }
    of = shape.custom(schema)
    me = {"metadata": {"name": "w"}, "spec": {"size": 1, "tags": ["a"], "parts": [{"id": "x", "n": 1}]}}
    you = {"metadata": {"name": "w"}, "spec": {"tags": ["b"], "parts": [{"id": "y", "n": 2}]}}
    obj = applied(applied(None, me, "me", of=of), you, "you", of=of)
    assert obj["spec"]["tags"] == ["a", "b"] or set(obj["spec"]["tags"]) == {"a", "b"}
    assert {p["id"] for p in obj["spec"]["parts"]} == {"x", "y"}
    assert owners(obj, '.spec.tags[="b"]') == {"you"} and owners(obj, '.spec.parts[id="x"].n') == {"me"}
