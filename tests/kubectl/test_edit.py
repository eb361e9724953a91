"""`edit`, `create --edit` and `apply edit-last-applied` with editors that are small programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from minikctl.kubectl.editing.editor import command_line
from minikctl.kubectl.editing.session import content, manual_strip
from tests.support.cluster import Result, TestCluster
from tests.support.files import Files

CM = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "labels": {"app": "shop"}},
    "data": {"size": "10"},
}
EDITOR = """
import pathlib, sys
log, file = pathlib.Path({log!r}), pathlib.Path(sys.argv[1])
seen = len(log.read_text().split("=====\\n")) - 1 if log.exists() else 0
text = file.read_text()
with log.open("a") as f:
    f.write(text + "=====\\n")
edits = {edits!r}
old, new = edits[min(seen, len(edits) - 1)]
file.write_text(text.replace(old, new) if old else new)
"""


class Edits(Files):
    """`edit` runs a command whose editor replaces, round by round, one text by another. `shown` is what it saw."""

    def edit(self, edits: list[tuple[str, str]], *argv: str) -> Result:
        self.log.unlink(missing_ok=True)
        script = self.write("editor.py", EDITOR.format(log=str(self.log), edits=edits))
        environ = {"KUBE_EDITOR": f"{sys.executable} {script}", "TMPDIR": str(self.folder)}
        return self.cli(*argv, environ=environ)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def shown(self) -> list[str]:
        return self.log.read_text().split("=====\n")[:-1]

    @property
    def kept(self) -> list[Path]:
        return sorted(p for p in self.folder.iterdir() if p.name.startswith("kubectl-edit-"))


@pytest.fixture
def files(cluster: TestCluster, tmp_path: Path) -> Edits:
    made = Edits(cluster, tmp_path)
    made.write("cm.yaml", CM)
    return made


@pytest.fixture
def settings(files: Edits) -> Edits:
    files.cli("create", "-f", "cm.yaml")
    return files


def test_a_change_is_written(settings: Edits) -> None:
    result = settings.edit([('"10"', '"12"')], "edit", "cm", "settings")
    assert (result.code, result.out, result.err) == (0, "configmap/settings edited\n", "")
    assert settings.get("cm", "settings")["data"] == {"size": "12"} and not settings.kept
    first = settings.shown[0]
    assert first.startswith("# Please edit the object below. Lines beginning with a '#' will be ignored,\n")
    assert "managedFields" not in first and "uid: " in first


def test_no_change_is_no_edit(settings: Edits) -> None:
    result = settings.edit([("kind: ", "# a comment\nkind: ")], "edit", "cm/settings")
    assert (result.code, result.err) == (0, "Edit cancelled, no changes made.\n") and not settings.kept


def test_an_empty_file_gives_up(settings: Edits) -> None:
    result = settings.edit([("", "")], "edit", "cm", "settings", "--validate=false")
    assert (result.code, result.err) == (0, "Edit cancelled, saved file was empty.\n")


def test_json(settings: Edits) -> None:
    result = settings.edit([('"size": "10"', '"size": "12"')], "edit", "cm", "settings", "-o", "json")
    assert json.loads(result.out)["data"] == {"size": "12"}
    assert json.loads(settings.shown[0])["data"] == {"size": "10"}


def test_several_objects_in_one_file(settings: Edits) -> None:
    settings.cli("create", "cm", "other", "--from-literal=size=10")
    result = settings.edit([('size: "10"', 'size: "12"')], "edit", "cm", "settings", "other")
    assert result.out == "configmap/settings edited\nconfigmap/other edited\n"
    assert yaml.safe_load(settings.shown[0])["kind"] == "List"


def test_only_what_was_changed_is_sent(settings: Edits) -> None:
    result = settings.edit([("app: shop", "app: other")], "edit", "cm", "settings", "--output-patch")
    assert result.out == 'Patch: {"metadata":{"labels":{"app":"other"}}}\nconfigmap/settings edited\n'


def test_the_reasons_of_a_refusal_stand_in_the_file(settings: Edits) -> None:
    result = settings.edit([("size:", "bad key:"), ("bad key:", "good-key:")], "edit", "cm", "settings")
    assert (result.code, result.out) == (0, "configmap/settings edited\n")
    assert result.err == 'error: configmaps "settings" is invalid\n'
    second = settings.shown[1]
    assert '# configmaps "settings" was not valid:\n# * data[bad key]: Invalid value: "bad key": ' in second
    assert second.count("# Please edit the object below.") == 1 and "bad key: " in second
    assert settings.get("cm", "settings")["data"] == {"good-key": "10"} and not settings.kept


def test_giving_up_keeps_a_copy(settings: Edits) -> None:
    result = settings.edit([("size:", "bad key:")], "edit", "cm", "settings")
    assert result.code == 1 and len(settings.kept) == 1
    assert result.err == (
        'error: configmaps "settings" is invalid\n'
        f'A copy of your changes has been stored to "{settings.kept[0]}"\n'
        "error: Edit cancelled, no valid changes were saved.\n"
    )
    assert "bad key:" in settings.kept[0].read_text()


def test_text_that_is_no_object(settings: Edits) -> None:
    result = settings.edit(
        [("kind: ", "  kind: ["), ("  kind: [", "kind: "), ('"10"', '"12"')], "edit", "cm", "settings"
    )
    assert result.err.splitlines()[0] == 'error: configmaps "settings" is invalid'
    assert '# * <nil>: Invalid value: "The edited file failed validation": yaml: line' in settings.shown[1]
    kind = settings.edit(
        [("kind: ConfigMap", ""), ("apiVersion:", "kind: ConfigMap\napiVersion:")], "edit", "cm", "settings"
    )
    assert '"The edited file failed validation": kind not set' in settings.shown[1]
    assert kind.code == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: settings", "name: other", "error: At least one of apiVersion, kind and name was changed\n"),
        ("namespace: default", "namespace: other", "error: the namespace from the provided object \"other\" does not match the namespace \"default\"."),
        ("uid: ", "uid: x", "error: no original object found for "),
    ],
)  # fmt: skip
def test_identity_must_stay(settings: Edits, old: str, new: str, message: str) -> None:
    result = settings.edit([(old, new)], "edit", "cm", "settings")
    copy, _, rest = result.err.partition("\n")
    assert copy.startswith("A copy of your changes has been stored to") and rest.startswith(message)


def test_an_object_that_changed_meanwhile(settings: Edits) -> None:
    result = settings.edit([("resourceVersion: ", "resourceVersion: 1")], "edit", "cm", "settings")
    first, second = result.err.splitlines()
    assert first.startswith('error: configmaps "settings" could not be patched: ')
    assert second == f"You can run `kubectl replace -f {settings.kept[0]}` to try this update again."
    assert result.code == 1


def test_what_cannot_be_edited(files: Edits) -> None:
    assert (
        files.edit([("a", "b")], "edit", "cm", "none").err
        == 'Error from server (NotFound): configmaps "none" not found\n'
    )
    assert files.cli("edit").err.startswith("error: You must provide one or more resources by argument or filename.\n")
    files.cli("create", "-f", "cm.yaml")
    assert files.edit([("a", "b")], "edit", "cm", "settings", "-o", "name").err.startswith(
        'error: unable to match a printer suitable for the output format "name", allowed formats are: json,'
    )


@pytest.mark.parametrize(
    ("editor", "message"),
    [
        ("false", 'error: there was a problem with the editor "false"\n'),
        ("no-such-editor", 'error: unable to launch the editor "no-such-editor"\n'),
    ],
)
def test_editors_that_fail(settings: Edits, editor: str, message: str) -> None:
    environ = {"EDITOR": editor, "PATH": "/usr/bin:/bin", "TMPDIR": str(settings.folder)}
    result = settings.cli("edit", "cm", "settings", environ=environ)
    assert (result.code, result.err) == (1, message)


def test_windows_line_endings(settings: Edits) -> None:
    settings.edit([('"10"', '"12"')], "edit", "cm", "settings", "--windows-line-endings")
    assert settings.get("cm", "settings")["data"] == {"size": "12"}


def test_save_config(settings: Edits) -> None:
    settings.edit([('"10"', '"12"')], "edit", "cm", "settings", "--save-config")
    shown = settings.cli("apply", "view-last-applied", "cm", "settings")
    assert yaml.safe_load(shown.out)["data"] == {"size": "12"}


def test_the_status(files: Edits) -> None:
    files.cluster.client.create("nodes", {"metadata": {"name": "n"}, "status": {"phase": "Pending"}})
    files.edit([("phase: Pending", "phase: Running")], "edit", "node", "n", "--subresource=status")
    assert files.get("nodes", "n", "")["status"]["phase"] == "Running"


def test_create_with_an_edit(files: Edits) -> None:
    assert files.edit([('"10"', '"12"')], "create", "--edit", "-f", "cm.yaml").out == "configmap/settings created\n"
    assert files.get("cm", "settings")["data"] == {"size": "12"}
    files.write("cm.yaml", {**CM, "metadata": {"name": "other"}})
    assert files.edit([("#", "##")], "create", "--edit", "-f", "cm.yaml").err == "Edit cancelled, no changes made.\n"
    assert files.cli("get", "cm", "other").code == 1


def test_the_configuration_that_was_applied(files: Edits) -> None:
    none = files.cli("apply", "-f", "cm.yaml")
    assert none.code == 0
    result = files.edit([('"10"', '"12"')], "apply", "edit-last-applied", "cm/settings")
    assert result.out == "configmap/settings edited\n"
    assert files.shown[0].startswith("# Please edit the 'last-applied-configuration' annotations below.\n")
    assert files.get("cm", "settings")["data"] == {"size": "10"}
    assert yaml.safe_load(files.cli("apply", "view-last-applied", "cm/settings").out)["data"] == {"size": "12"}
    files.cli("create", "cm", "plain")
    assert files.edit([("a", "b")], "apply", "edit-last-applied", "cm/plain").err.startswith(
        "error: no last-applied-configuration annotation found on resources, to create the annotation, use command "
    )


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, ["vi", "/tmp/f"]),
        ({"EDITOR": "nano"}, ["nano", "/tmp/f"]),
        ({"EDITOR": "nano", "KUBE_EDITOR": "code -w"}, ["code", "-w", "/tmp/f"]),
        ({"EDITOR": "vim -c 'set nu'"}, ["/bin/bash", "-c", "vim -c 'set nu' \"/tmp/f\""]),
        ({"EDITOR": "vim 'x'", "SHELL": "/bin/zsh"}, ["/bin/zsh", "-c", "vim 'x' \"/tmp/f\""]),
    ],
)
def test_how_the_editor_is_started(environ: dict[str, str], words: list[str]) -> None:
    assert command_line(environ, "/tmp/f") == words


def test_comparing_contents() -> None:
    assert content("# c\na: 1\n") == content("a:    1\n")
    assert content("a: 1") != content("a: '1'")
    assert manual_strip("#!x\n # y\nz: '#'\n") == "#!x\nz: '#'\n"
