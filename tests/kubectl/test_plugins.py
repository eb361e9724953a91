"""Plugins on PATH, and a person's own defaults and aliases."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minikctl.kubectl import kuberc, plugins
from minikctl.util.errors import UsageError
from tests.support.cluster import Result, TestCluster

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder with plugins."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    for name in ("kubectl-foo", "kubectl-foo-bar_x", "kubectl-create-zap", "kubectl-get", "other"):
        (folder / name).write_text('#!/bin/sh\necho "${0##*/}" "$@"; exit 7\n')
        (folder / name).chmod(0o755)
    (folder / "kubectl-dead").write_text("")
    return folder


def minikctl(path: Path, *argv: str) -> tuple[int, str, str]:
    environ = {"PATH": f"{path}:{os.defpath}", "PYTHONPATH": str(ROOT), "HOME": str(path), "MINIKCTL_STATE": str(path)}
    done = subprocess.run([sys.executable, "-m", "minikctl", *argv], capture_output=True, text=True, env=environ)
    return done.returncode, done.stdout, done.stderr


def test_a_plugin_takes_over(path: Path) -> None:
    assert minikctl(path, "foo", "bar-x", "--flag", "a") == (7, "kubectl-foo-bar_x --flag a\n", "")
    code, out, err = minikctl(path, "nope")
    assert (code, out) == (1, "") and err.startswith('error: unknown command "nope" for "kubectl"\n')


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["foo"], ("kubectl-foo", [])),
        (["foo", "a", "-n", "b"], ("kubectl-foo", ["a", "-n", "b"])),
        (["foo", "bar-x", "c"], ("kubectl-foo-bar_x", ["c"])),
        (["create", "zap", "1"], ("kubectl-create-zap", ["1"])),
        (["create", "nope"], None),
        (["other"], None),
        (["dead"], None),
        (["../x"], None),
    ],
)
def test_which_plugin(path: Path, words: list[str], found: tuple[str, list[str]] | None) -> None:
    got = plugins.find(words, {"PATH": str(path)})
    assert (got and (got[0].name, got[1])) == found


def test_flags_come_behind_the_name() -> None:
    with pytest.raises(UsageError, match="flags cannot be placed before plugin name: -n"):
        plugins.find(["-n", "x", "foo"], {})


def test_plugin_list(cluster: TestCluster, path: Path) -> None:
    environ = {"PATH": f"{path}:{path}:/nowhere"}
    got = cluster.cli("plugin", "list", environ=environ)
    listed = [
        str(path / n) for n in ("kubectl-create-zap", "kubectl-dead", "kubectl-foo", "kubectl-foo-bar_x", "kubectl-get")
    ]
    assert got.out == "The following compatible plugins are available:\n\n" + "".join(f"{p}\n" for p in listed)
    assert got.err.splitlines() == [
        'Unable to read directory "/nowhere" from your PATH: open /nowhere: no such file or directory. Skipping...',
        '  - warning: kubectl-create-zap overwrites existing command: "kubectl create"',
        f"  - warning: {path}/kubectl-dead identified as a kubectl plugin, but it is not executable",
        '  - warning: kubectl-get overwrites existing command: "kubectl get"',
        "error: 3 plugin warnings were found",
    ]
    assert got.code == 1
    assert "\nkubectl-foo\n" in cluster.cli("plugin", "list", "--name-only", environ=environ).out
    none = cluster.cli("plugin", "list", environ={"PATH": ""})
    assert (none.code, none.err) == (1, "error: unable to find any kubectl plugins in your PATH\n")


# ---------------------------------------------------------------------- kuberc


class Person:
    """Runs commands as somebody with a home of their own."""

    def __init__(self, cluster: TestCluster, home: Path):
        self.cluster, self.home = cluster, home
        self.file = home / ".kube" / "kuberc"

    def cli(self, *argv: str, stdin: str = "", **environ: str) -> Result:
        return self.cluster.cli(*argv, stdin=stdin, environ={"HOME": str(self.home), **environ}, cwd=self.home)

    def writes(self, text: str) -> None:
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text(f"apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n{text}")


@pytest.fixture
def person(cluster: TestCluster, tmp_path: Path) -> Person:
    (tmp_path / "home").mkdir()
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n"
    (tmp_path / "home" / "web.yaml").write_text(manifest)
    return Person(cluster, tmp_path / "home")


def test_defaults_for_flags(person: Person) -> None:
    assert person.cli("kuberc", "set", "--section=defaults", "--command=label", "--option=output=name").code == 0
    person.writes(
        "defaults: [{command: label, options: [{name: output, default: name}, {name: local, default: 'true'}]}]"
    )
    label = ("label", "-f", "web.yaml", "a=b")
    assert person.cli(*label).out == "configmap/web\n"
    assert person.cli(*label, "-ojsonpath={.metadata.labels}").out == '{"a":"b"}'
    assert person.cli(*label, "--output", "jsonpath={.metadata.labels}").out == '{"a":"b"}'
    assert "NotFound" in person.cli(*label, "--local=false").err
    assert "NotFound" in person.cli(*label, KUBERC="off").err


def test_aliases(person: Person) -> None:
    person.writes(
        "aliases:\n- name: mark\n  command: label\n  prependArgs: [-f, web.yaml]\n  appendArgs: [c=d]\n"
        "  options: [{name: local, default: 'true'}, {name: output, default: 'jsonpath={.metadata.labels}'}]\n"
        "- {name: get, command: label}\n- {name: gone, command: fruit}\n- {name: odd, command: get, options: [{name: x}]}\n"
    )
    assert person.cli("mark", "a=b").out == '{"a":"b","c":"d"}'
    assert person.cli("mark", "a=b", "-oname").out == "configmap/web\n"
    assert person.cli("get", "configmaps").err == "No resources found in default namespace.\n"
    failed = "error occurred while applying preferences "
    assert person.cli("gone").err == f'{failed}command "fruit" not found to set alias "gone": [\'fruit\']\n'
    assert person.cli("odd").err == f"{failed}invalid alias flag x in alias odd\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aliases: [{name: a1, command: get}]", "invalid alias name, can only include alphabetical characters"),
        ("aliases: [{name: a, command: get}, {name: a, command: get}]", "duplicate alias name a"),
        (
            "defaults: [{command: get, options: [{name: -o}]}]",
            "flag name -o should be in long form without dashes",
        ),
        ("defaults: [{command: get, options: [{name: odd}]}]", "invalid flag odd for command get"),
    ],
)
def test_what_is_wrong_with_a_file(person: Person, text: str, message: str) -> None:
    person.writes(text)
    got = person.cli("get", "pods")
    assert (got.code, got.err) == (1, f"error occurred while applying preferences {message}\n")


def test_files_that_are_not_usable(person: Person) -> None:
    person.writes("defaults: [{command: fruit}]")
    warning = 'Warning: command "fruit" not found to set kuberc override\n'
    assert person.cli("get", "pods").err == f"{warning}No resources found in default namespace.\n"
    person.file.write_text("kind: Fruit\n")
    loaded = f"no valid preferences found in {person.file}, use --v=5 to see details"
    assert person.cli("options").err == f"kuberc: no preferences loaded from {person.file}: {loaded}"
    assert person.cli("options", "--kuberc", str(person.file)).code == 1
    assert person.cli("options", KUBERC="missing").err == (
        "error occurred while applying preferences kuberc error kuberc: open missing: no such file or directory\n"
    )
    person.file.write_text("\n")
    assert person.cli("options").code == 0


def test_older_files() -> None:
    assert kuberc._current({"overrides": [{"command": "get", "flags": [{"name": "o"}]}]}) == {
        "defaults": [{"command": "get", "options": [{"name": "o"}]}]
    }


def test_setting_and_viewing(person: Person) -> None:
    def set_(*argv: str) -> Result:
        return person.cli("kuberc", "set", *argv)

    offer = "Would you like to generate a default kuberc file with recommended options? (y/N): "
    missing = f"kuberc file not found at {person.file}\n{offer}"
    assert person.cli("kuberc", "view", stdin="n\n").out == missing
    assert person.cli("kuberc", "view", stdin="y\n").out == f"{missing}Updated {person.file}\n"
    assert "aliases: null\n" in person.file.read_text()
    person.file.unlink()
    assert set_("--section=defaults", "--command=set env", "--option=--output=yaml").out == f"Updated {person.file}\n"
    again = set_("--section=defaults", "--command=set env")
    assert again.err == 'error: defaults for command "set env" already exist, use --overwrite to replace\n'
    assert set_("--section=defaults", "--command=set env", "--overwrite", "--option=output=name").code == 0
    assert set_("--section=aliases", "--name=getn", "--command=get", "--prependarg=nodes").code == 0
    assert set_("--section=aliases", "--name=getn", "--command=get", "--overwrite", "--appendarg=x").code == 0
    entry = "--allowlist-entry=command=a,command=b"
    assert set_("--section=credentialplugin", "--policy=Allowlist", entry).code == 0
    assert person.cli("kuberc", "view").out == (
        "aliases:\n- appendArgs:\n  - x\n  command: get\n  name: getn\n  prependArgs:\n  - nodes\n"
        "apiVersion: kubectl.config.k8s.io/v1beta1\n"
        "credentialPluginAllowlist:\n- command: a\n- command: b\ncredentialPluginPolicy: Allowlist\n"
        "defaults:\n- command: set env\n  options:\n  - default: name\n    name: output\nkind: Preference\n"
    )
    order = [line.split('"')[1] for line in person.cli("kuberc", "view", "-o", "json").out.splitlines() if '"' in line]
    assert order[:5] == ["kind", "apiVersion", "defaults", "command", "options"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], 'required flag(s) "section" not set'),
        (["--section=x"], '--section must be "defaults", "aliases", or "credentialplugin", got: x'),
        (["--section=aliases"], "--name is required when --section=aliases"),
        (["--section=aliases", "--name=x"], "--command is required when --section=aliases or --section=defaults"),
        (["--section=defaults", "--name=x"], "--name should not be specified when --section=defaults"),
        (["--section=defaults", "--appendarg=x"], "--prependarg and --appendarg are only valid for --section=aliases"),
        (["--section=defaults", "--command=x", "--option=y"], 'invalid option format "y", expected flag=value'),
        (["--section=credentialplugin"], "--policy is required when --section=credentialplugin"),
        (
            ["--section=credentialplugin", "--policy=Odd"],
            ' --policy must be  "AllowAll", "DenyAll", or "Allowlist", got: Odd',
        ),
        (
            ["--section=credentialplugin", "--policy=Allowlist"],
            "--allowlist-entry is required when --section=credentialplugin and --policy=Allowlist",
        ),
        (
            ["--section=credentialplugin", "--policy=Allowlist", "--allowlist-entry=name=b,x"],
            'allowlist entry field "name" is deprecated, use "command" instead\nimproperly formatted allowlist entry: "x"',
        ),
    ],
)
def test_setting_refused(person: Person, argv: list[str], message: str) -> None:
    got = person.cli("kuberc", "set", *argv)
    assert (got.code, got.err.removeprefix("error: ")) == (1, f"{message}\n")
    assert not person.file.exists()
