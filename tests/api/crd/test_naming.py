"""Names of definitions: who gets them."""

from __future__ import annotations

import pytest

from minikctl.api.crd import naming
from minikctl.api.meta import Obj, find_condition
from tests.support.custom import definition

NOW = "2026-01-01T00:00:00Z"


def accepted(crd: Obj, *others: Obj) -> Obj:
    return {**crd, "status": naming.accept(crd, [crd, *others], NOW)}


def verdict(crd: Obj, kind: str) -> tuple[str, str, str]:
    found = find_condition(crd["status"]["conditions"], kind)
    assert found is not None
    return found["status"], found["reason"], found["message"]


def test_free_names_are_accepted_and_established() -> None:
    crd = accepted(definition(names={"shortNames": ["gg"], "singular": "gadget", "listKind": "GadgetList"}))
    assert verdict(crd, "NamesAccepted") == ("True", "NoConflicts", "no conflicts found")
    assert verdict(crd, "Established") == (
        "True",
        "InitialNamesAccepted",
        "the initial names have been accepted",
    )
    assert crd["status"]["acceptedNames"] == crd["spec"]["names"]
    assert naming.accept(crd, [crd], "2027-01-01T00:00:00Z") == crd["status"]


@pytest.mark.parametrize(
    ("names", "reason", "message"),
    [
        ({"shortNames": ["gg", "ok"]}, "ShortNamesConflict", '"gg" is already in use'),
        ({"kind": "Gadget"}, "KindConflict", '"Gadget" is already in use'),
        ({"singular": "gadgets"}, "SingularConflict", '"gadgets" is already in use'),
        ({"listKind": "GadgetList"}, "ListKindConflict", '"GadgetList" is already in use'),
    ],
)
def test_taken_names(names: Obj, reason: str, message: str) -> None:
    first = accepted(definition(names={"shortNames": ["gg"], "singular": "gadget", "listKind": "GadgetList"}))
    second = accepted(definition(kind="Widget", names=names), first)
    assert verdict(second, "NamesAccepted") == ("False", reason, message)
    assert verdict(second, "Established") == ("False", "NotAccepted", "not all names are accepted")
    elsewhere = accepted(definition(kind="Widget", group="other.example.com", names=names), first)
    assert naming.is_established(elsewhere)
    again = accepted(second)  # the first one is gone
    assert naming.is_established(again) and verdict(again, "NamesAccepted")[0] == "True"


def test_an_established_definition_keeps_serving_when_a_new_name_is_taken() -> None:
    first = accepted(definition(names={"shortNames": ["gg"]}))
    second = accepted(definition(kind="Widget"), first)
    wanting = {**second, "spec": {**second["spec"], "names": {**second["spec"]["names"], "shortNames": ["gg"]}}}
    now = accepted(wanting, first)
    assert verdict(now, "NamesAccepted") == ("False", "ShortNamesConflict", '"gg" is already in use')
    assert naming.is_established(now) and "shortNames" not in now["status"]["acceptedNames"]
