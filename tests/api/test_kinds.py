"""What must hold for the folder of kinds as a whole."""

from collections import Counter
from pathlib import Path

import pytest

from minikctl.api import kinds, schema
from minikctl.api.kind import Kind
from minikctl.api.kinds import all_kinds, by_gvk, find

FILES = sorted(p.stem for p in Path(kinds.__file__).parent.glob("*.py") if p.stem != "__init__")
IDS = [f"{k.plural}.{k.version}.{k.group}" for k in all_kinds()]


@pytest.mark.parametrize("file", FILES)
def test_every_file_holds_kinds(file: str) -> None:
    loaded = kinds._load(file)
    assert loaded and all(isinstance(k, Kind) for k in loaded)


@pytest.mark.parametrize("kind", all_kinds(), ids=IDS)
def test_every_kind_is_whole(kind: Kind) -> None:
    assert schema.exists(kind.type)
    assert by_gvk(kind.group, kind.version, kind.kind) is kind
    assert len({c.name for c in kind.columns}) == len(kind.columns)
    assert kind.columns[0].priority == 0


@pytest.mark.parametrize("kind", all_kinds(), ids=IDS)
def test_an_almost_empty_object_can_be_shown_and_selected(kind: Kind) -> None:
    from datetime import UTC, datetime

    obj = schema.decode(kind.type, {"metadata": {"name": "x"}}).value
    obj = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
    assert len(kind.row(obj, datetime.now(UTC))) == len(kind.columns)
    assert all(isinstance(v, str) for v in kind.fields_of(obj).values())
    assert kind.fields_of({"metadata": {}, "spec": {}, "status": {}}).keys() == kind.fields_of(obj).keys()


@pytest.mark.parametrize("group", sorted({k.group for k in all_kinds()}))
def test_no_two_kinds_of_a_group_share_a_name(group: str) -> None:
    names: Counter[str] = Counter()
    for kind in all_kinds():
        if kind.group == group and kind.conversion is None:
            names.update({kind.plural, kind.singular, *kind.short_names})
    assert [n for n, count in names.items() if count > 1] == []


def test_the_quick_words_mean_what_the_kinds_say() -> None:
    for word, file in kinds._QUICK.items():
        (quick,) = kinds._load(file)
        assert word in (quick.plural, quick.singular, *quick.short_names)
        assert quick is next(k for k in all_kinds() if word in (k.plural, k.singular, *k.short_names))
        assert find(word) is quick
