"""Object files changed by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.apiserver.hand_edits import HandEdits
from minikctl.store import Record
from tests.support.cluster import TestCluster
from tests.support.custom import definition, gadget, version

SETTINGS = {"metadata": {"name": "settings"}, "data": {"color": "blue"}}


class Desk:
    """A cluster, its scanner, and what the scanner complained of."""

    def __init__(self, cluster: TestCluster):
        self.cluster, self.client = cluster, cluster.client
        self.said: list[tuple[str, str, str]] = []
        self.start()
        self.edits.scan()

    def start(self) -> None:
        """As a daemon that starts anew."""
        self.edits = HandEdits(self.cluster.api, self._hear, settle=0)

    def _hear(self, obj: Obj, reason: str, message: str) -> None:
        self.said.append((obj["metadata"]["name"], reason, message))

    def path(self, key: str = "configmaps/default/settings") -> Path:
        return self.cluster.root / "registry" / f"{key}.json"

    def edit(self, old: str, new: str, key: str = "configmaps/default/settings") -> None:
        text = self.path(key).read_text()
        assert old in text
        self.path(key).write_text(text.replace(old, new))
        self.edits.scan()

    def get(self, name: str = "settings", kind: str = "cm") -> Obj:
        return self.client.get(kind, name, "default")

    def last_record(self) -> Record:
        segment = sorted(self.cluster.store.journal_dir.glob("*.jsonl"))[-1]
        return Record.parse(segment.read_bytes().splitlines()[-1])


@pytest.fixture
def desk(cluster: TestCluster) -> Desk:
    cluster.client.create("cm", SETTINGS, "default")
    return Desk(cluster)


def test_our_own_writes_are_no_hand_edits(desk: Desk) -> None:
    desk.client.patch("cm", "settings", {"data": {"color": "red"}}, "default")
    desk.client.create("cm", {"metadata": {"name": "x" * 253}}, "default")
    before = desk.cluster.store.current_rv()
    for _ in range(3):
        desk.edits.scan()
    assert desk.cluster.store.current_rv() == before and desk.said == []


def test_an_edit_becomes_a_write_by_hand(desk: Desk) -> None:
    before = desk.get()
    desk.edit('"blue"', '"red"')
    after = desk.get()
    assert after["data"] == {"color": "red"}
    assert int(after["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])
    record = desk.last_record()
    assert (record.type, record.actor, record.because) == ("MODIFIED", "hand", None)
    assert desk.said == [] and list(desk.path().parent.glob(".*")) == []


def test_white_space_is_no_edit(desk: Desk) -> None:
    before = desk.cluster.store.current_rv()
    desk.path().write_text(json.dumps(json.loads(desk.path().read_text())))
    desk.edits.scan()
    assert desk.cluster.store.current_rv() == before


def test_an_edit_passes_through_defaults_and_counts_a_generation(desk: Desk) -> None:
    made = desk.client.create(
        "deployments",
        {
            "metadata": {"name": "web"},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "c", "image": "nginx"}]},
                },
            },
        },
        "default",
    )
    obj = {**made, "spec": {**made["spec"], "replicas": 3}, "status": {"replicas": 2}}
    desk.path("deployments/default/web").write_text(json.dumps(obj))
    desk.edits.scan()
    after = desk.get("web", "deploy")
    assert (after["spec"]["replicas"], after["metadata"]["generation"]) == (3, 2)
    assert after["status"]["replicas"] == 2


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"blue"', "5", "cannot unmarshal number into Go struct field ConfigMap.data of type string"),
        ('"data"', '"dta"', 'strict decoding error: unknown field "dta"'),
        ('"settings"', '"other"', "it is called 'other' inside"),
        ('"color"', '"not a key"', "a valid config key must consist of"),
        ('"ConfigMap"', '"Nonsense"', ""),
    ],
)
def test_a_refused_edit_is_put_back_and_kept_beside(desk: Desk, old: str, new: str, why: str) -> None:
    before = desk.get()
    desk.edit(old, new)
    after = desk.get()
    assert after["data"] == before["data"] and after["kind"] == "ConfigMap"
    assert int(after["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])
    assert new in desk.path().with_name("settings.json.rejected").read_text()
    ((name, reason, message),) = desk.said
    assert (name, reason) == ("settings", "HandEditRefused")
    assert why in message and message.endswith("; the text is in settings.json.rejected")
    desk.edits.scan()
    assert len(desk.said) == 1
    names = [o["metadata"]["name"] for o in desk.client.list("cm", "default")["items"]]
    assert names == ["settings"]


def test_immutable_fields_cannot_be_changed_by_hand_either(desk: Desk) -> None:
    desk.client.patch("cm", "settings", {"immutable": True}, "default")
    desk.edits.scan()
    desk.edit('"blue"', '"red"')
    assert desk.get()["data"] == {"color": "blue"}
    assert "field is immutable" in desk.said[0][2]


def test_an_unreadable_file_stays_and_is_named(desk: Desk) -> None:
    desk.edit("{", "{{{")
    ((name, reason, message),) = desk.said
    assert (name, reason) == ("settings", "FileUnreadable") and "not valid JSON" in message
    with pytest.raises(ApiError, match=r"settings\.json: not valid JSON"):
        desk.get()
    desk.edits.scan()
    assert len(desk.said) == 1
    desk.path().write_text(desk.path().read_text().replace("{{{", "{").replace("blue", "green"))
    desk.edits.scan()
    assert desk.get()["data"] == {"color": "green"}


def test_a_deleted_file_is_a_deletion(desk: Desk) -> None:
    desk.path().unlink()
    desk.edits.scan()
    desk.edits.scan()
    with pytest.raises(ApiError, match="not found"):
        desk.get()
    record = desk.last_record()
    assert (record.type, record.actor) == ("DELETED", "hand")


def test_a_finalizer_holds_an_object_whose_file_was_deleted(desk: Desk) -> None:
    desk.client.create("cm", {"metadata": {"name": "held", "finalizers": ["example.com/x"]}}, "default")
    desk.edits.scan()
    desk.path("configmaps/default/held").unlink()
    desk.edits.scan()
    desk.edits.scan()
    assert desk.get("held")["metadata"]["deletionTimestamp"]


def test_a_new_file_is_a_new_object(desk: Desk) -> None:
    copy = desk.path().read_text().replace('"settings"', '"copy"')
    desk.path("configmaps/default/copy").write_text(copy)
    desk.edits.scan()
    made, original = desk.get("copy"), desk.get()
    assert made["data"] == {"color": "blue"} and made["metadata"]["uid"] != original["metadata"]["uid"]
    desk.path("configmaps/default/short").write_text('{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}')
    desk.edits.scan()
    assert desk.get("short")["metadata"]["namespace"] == "default"
    assert desk.last_record().actor == "hand"


def test_a_refused_new_file_is_moved_aside(desk: Desk) -> None:
    path = desk.path("configmaps/nowhere/x")
    path.parent.mkdir()
    path.write_text('{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}')
    desk.edits.scan()
    assert [p.name for p in path.parent.iterdir()] == ["x.json.rejected"]
    assert 'namespaces "nowhere" not found' in desk.said[0][2]


def test_what_was_done_while_nothing_ran_is_noticed(desk: Desk) -> None:
    desk.client.create("cm", {"metadata": {"name": "gone"}}, "default")
    desk.path().write_text(desk.path().read_text().replace("blue", "red"))
    desk.path("configmaps/default/gone").unlink()
    desk.start()
    desk.edits.scan()
    desk.edits.scan()
    assert desk.get()["data"] == {"color": "red"}
    assert desk.get()["metadata"]["resourceVersion"] != "1"
    with pytest.raises(ApiError, match="not found"):
        desk.get("gone")


def test_files_older_than_the_journal_are_taken_as_they_are(desk: Desk) -> None:
    desk.cluster.store.close()
    for segment in desk.cluster.store.journal_dir.glob("*.jsonl"):
        segment.unlink()
    desk.client.create("cm", {"metadata": {"name": "later"}}, "default")
    desk.start()
    desk.edits.scan()
    assert desk.said == []
    desk.edit("blue", "red")
    assert desk.said[0][1] == "HandEditRefused" and "not known any more" in desk.said[0][2]
    assert desk.get()["data"] == {"color": "red"}  # nothing to put in its place


def test_a_cache_knows_the_last_good_version_when_the_journal_does_not(desk: Desk) -> None:
    good = desk.get()
    desk.cluster.store.close()
    for segment in desk.cluster.store.journal_dir.glob("*.jsonl"):
        segment.unlink()
    desk.client.create("cm", {"metadata": {"name": "later"}}, "default")
    desk.edits = HandEdits(
        desk.cluster.api, desk._hear, lambda _k, _ns, name: good if name == "settings" else None, settle=0
    )
    desk.edits.scan()
    desk.edit("blue", "red")
    assert desk.get()["data"] == {"color": "red"} and desk.said == []
    assert desk.last_record().actor == "hand"


def test_a_state_directory_on_its_way_out_is_no_deletion(desk: Desk) -> None:
    import shutil

    shutil.rmtree(desk.cluster.root)
    desk.edits.scan()
    desk.edits.scan()
    assert not (desk.cluster.root / "registry").exists()


def test_custom_resources_by_hand(desk: Desk) -> None:
    for kind, scope in (("Gadget", "Namespaced"), ("Widget", "Cluster")):
        size = {"size": {"type": "integer", "maximum": 9}}
        crd = definition(version(spec=size), kind=kind, scope=scope)
        desk.client.create("customresourcedefinitions", crd)
    desk.client.create("gadgets", gadget(spec={"size": 1}), "default")
    desk.edits.scan()
    key = "tests.example.com/gadgets/default/one"
    desk.edit('"size": 1', '"size": 2', key)
    assert desk.get("one", "gadgets")["spec"] == {"size": 2} and desk.said == []
    desk.edit('"size": 2', '"size": 20', key)
    assert "less than or equal to 9" in desk.said[0][2] and desk.get("one", "gadgets")["spec"] == {"size": 2}
    for kind, folder in (("Gadget", "gadgets/default"), ("Widget", "widgets")):
        new = {"apiVersion": "tests.example.com/v1", "kind": kind, "metadata": {}, "spec": {"size": 3}}
        path = desk.path(f"tests.example.com/{folder}/new")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(new))
    desk.edits.scan()
    assert desk.get("new", "gadgets")["metadata"]["namespace"] == "default"
    assert desk.client.get("widgets", "new")["spec"] == {"size": 3}
