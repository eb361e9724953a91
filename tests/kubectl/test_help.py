"""Help texts, `options`, `version`, `api-resources`, `api-versions`; the words of errors."""

from __future__ import annotations

import json

import pytest

from minikctl.api.errors import ApiError, field_invalid, field_required, invalid, not_found
from minikctl.kubectl import dispatch, errors
from minikctl.kubectl.command import OWN, as_typed
from minikctl.kubectl.flags import BOOL, DURATION, INT, LIST, STRING, Option
from minikctl.kubectl.help import command_help, options_text, root_help
from minikctl.util.errors import Aggregate, UsageError
from tests.support.cluster import TestCluster


def every_command() -> list[tuple[str, dispatch.Found]]:
    found = []

    def below(package: str, path: str) -> None:
        for word in dispatch.words(package):
            one = dispatch.load(package, word)
            assert one is not None
            found.append((f"{path} {word}", dispatch.Found(one.command, f"{path} {word}", one.package)))
            if one.package:
                below(one.package, f"{path} {word}")

    for package in dispatch.PACKAGES:
        below(package, "kubectl")
    return found


@pytest.mark.parametrize(("path", "found"), [pytest.param(p, f, id=p) for p, f in every_command()])
def test_every_command_explains_itself(path: str, found: dispatch.Found) -> None:
    text = command_help(found)
    assert f"Usage:\n  {as_typed(path)}" in text
    assert "[options]" in text
    assert text.endswith("(applies to all commands).\n")
    for option in found.command.options:
        assert option.hidden or option.deprecated or f"--{option.name}=" in text
        assert option.hidden or option.help, f"{path} --{option.name} has no help"


def test_the_layout_of_help(cluster: TestCluster) -> None:
    text = cluster.cli("create", "--help").out
    parts = [
        "Examples:\n  # ",
        "Available Commands:\n",
        "  configmap",
        "Options:\n    --allow",
        "\n\nUsage:\n  kubectl create ",
    ]
    positions = [text.index(p) for p in parts]
    assert positions == sorted(positions)
    assert 'Use "kubectl create <command> --help" for more information about a given command.\n' in text


def test_options_are_laid_out_as_pflag_does() -> None:
    options = (
        Option("wait", BOOL, default=True, help="Wait."),
        Option("name", STRING, short="n", help="A\nname."),
        Option("count", INT, help="How many."),
        Option("files", LIST, help="Which."),
        Option("timeout", DURATION, default=90.0, help="How long."),
    )
    assert options_text(options) == (
        "    --count=0:\n\tHow many.\n\n    --files=[]:\n\tWhich.\n\n    -n, --name='':\n\tA name.\n\n"
        "    --timeout=1m30s:\n\tHow long.\n\n    --wait=true:\n\tWait.\n\n"
    )


def test_root_help_lists_everything_once() -> None:
    text = root_help()
    listed = [
        line.split()[0] for line in text.splitlines() if line.startswith("  ") and not line.startswith("  kubectl")
    ]
    expected = {w for p in dispatch.PACKAGES for w in dispatch.words(p)} - {"options", "help"}
    hidden = {p.split()[1] for p, f in every_command() if f.command.hidden}
    assert sorted(listed) == sorted(expected - hidden)
    assert text.index("Basic Commands (Beginner):") < text.index("Deploy Commands:") < text.index("Other Commands:")


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_ways_to_the_root_help(cluster: TestCluster, argv: list[str]) -> None:
    assert cluster.cli(*argv).out == root_help()


def test_help_of_one_command(cluster: TestCluster) -> None:
    assert cluster.cli("help", "get").out == cluster.cli("get", "-h").out
    assert cluster.cli("help", "create", "secret").out == cluster.cli("create", "secret", "--help").out
    assert cluster.cli("help", "fruit").err == "Unknown help topic [`fruit`]\n"


def test_options(cluster: TestCluster) -> None:
    text = cluster.cli("options").out
    assert text.startswith("The following options can be passed to any command:\n\n    --as='':\n")
    assert "    -n, --namespace='':\n" in text


# ---------------------------------------------------------------------- about the server


def test_version(cluster: TestCluster) -> None:
    assert [line.split(":")[0] for line in cluster.cli("version").out.splitlines()] == [
        "Client Version",
        "Kustomize Version",
        "Server Version",
    ]
    client = json.loads(cluster.cli("version", "--client", "-o", "json").out)
    assert list(client) == ["clientVersion", "kustomizeVersion"]
    assert cluster.cli("version", "-o", "yaml").out.endswith("\n\n")
    assert cluster.cli("version", "-o", "xml").err == "error: --output must be 'yaml' or 'json'\n"


def test_versions_too_far_apart() -> None:
    from minikctl.kubectl.commands.version import skew

    ours = {"major": "1", "minor": "36"}
    assert skew(ours, {"major": "1", "minor": "35+"}) == ""
    assert skew(ours, {"major": "1", "minor": "30"}) == (
        "version difference between client (1.36) and server (1.30) exceeds the supported minor version skew of +/-1"
    )


def test_api_resources(cluster: TestCluster) -> None:
    table = cluster.cli("api-resources", "--api-group=apps", "-o", "wide").out.splitlines()
    assert table[0].split() == ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND", "VERBS", "CATEGORIES"]
    assert [line.split()[0] for line in table[1:]] == [
        "controllerrevisions",
        "daemonsets",
        "deployments",
        "replicasets",
        "statefulsets",
    ]
    cluster_wide = cluster.cli("api-resources", "--namespaced=false", "--api-group=", "-o", "name").out.split()
    assert cluster_wide == sorted(cluster_wide) and "nodes" in cluster_wide and "pods" not in cluster_wide
    by_kind = [
        line.split()[-1] for line in cluster.cli("api-resources", "--sort-by=kind", "--no-headers").out.splitlines()
    ]
    assert by_kind == sorted(by_kind)
    assert "pods" in cluster.cli("api-resources", "--categories=all", "-o", "name").out
    assert json.loads(cluster.cli("api-resources", "--api-group=batch", "-o", "json").out)["kind"] == "APIResourceList"


def test_each_resource_is_listed_once(cluster: TestCluster) -> None:
    listed = cluster.cli("api-resources", "-o", "name").out.split()
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize(
    ("argv", "err"),
    [
        (
            ["api-resources", "x"],
            "error: unexpected arguments: [x]\nSee 'kubectl api-resources -h' for help and examples\n",
        ),
        (
            ["api-versions", "x"],
            "error: unexpected arguments: [x]\nSee 'kubectl api-versions -h' for help and examples\n",
        ),
        (["api-resources", "--sort-by=age"], "error: --sort-by accepts only name or kind\n"),
        (
            ["api-resources", "-o", "xml"],
            'error: unable to match a printer suitable for the output format "xml", allowed formats are: '
            "json,kyaml,name,wide,yaml\n",
        ),
    ],
)
def test_refused(cluster: TestCluster, argv: list[str], err: str) -> None:
    got = cluster.cli(*argv)
    assert (got.code, got.err) == (1, err)


def test_api_versions(cluster: TestCluster) -> None:
    listed = cluster.cli("api-versions").out.split()
    assert listed == sorted(set(listed)) and {"v1", "apps/v1", "batch/v1"} <= set(listed)


# ---------------------------------------------------------------------- the words of errors

BAD = invalid("Pod", "", "x", [field_required("spec.containers"), field_invalid("metadata.name", "X", "no")])


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UsageError("no"), "error: no"),
        (UsageError("error: no"), "error: no"),
        (UsageError("no", "See help"), "error: no\nSee help"),
        (UsageError("plain", prefix=""), "plain"),
        (not_found("pods", "", "x"), 'Error from server (NotFound): pods "x" not found'),
        (ApiError(500, "", "oops"), "Error from server: oops"),
        (ApiError(401, "Unauthorized", "who?"), "error: You must be logged in to the server (who?)"),
        (BAD, 'The Pod "x" is invalid: \n* spec.containers: Required value\n* metadata.name: Invalid value: "X": no\n'),
        (Aggregate([UsageError("no")]), "error: no"),
        (
            Aggregate([UsageError("one"), not_found("pods", "", "x")]),
            'one\nError from server (NotFound): pods "x" not found',
        ),
        (
            Aggregate([Aggregate([UsageError("one"), UsageError("two"), UsageError("one")]), UsageError("three")]),
            "[one, two]\nthree",
        ),
        (ValueError("odd"), "error: odd"),
    ],
)
def test_messages(error: Exception, text: str) -> None:
    assert errors.message(error) == text


def test_a_line_ends_once() -> None:
    assert errors.line(UsageError("no")) == "error: no\n"
    assert errors.line(UsageError("no\n")) == "error: no\n"


@pytest.mark.parametrize(
    ("argv", "err"),
    [
        (["gte"], 'error: unknown command "gte" for "kubectl"\n\nDid you mean this?\n\tget\n\n'),
        (["xyzzy"], 'error: unknown command "xyzzy" for "kubectl"\n'),
        (
            ["create", "secret", "opaque", "x"],
            "error: unknown command \"opaque x\"\nSee 'kubectl create secret -h' for help and examples\n",
        ),
        (["get", "--fruit"], "error: unknown flag: --fruit\nSee 'kubectl get --help' for usage.\n"),
    ],
)
def test_unknown_words(cluster: TestCluster, argv: list[str], err: str) -> None:
    got = cluster.cli(*argv)
    assert got.code == 1
    assert got.err.rstrip("\n") == err.rstrip("\n")


@pytest.mark.parametrize(
    ("word", "suggested"),
    [
        ("list", ["get"]),
        ("se", ["set", "get", "cp"]),
        ("rollot", ["rollout"]),
        ("descr", ["describe"]),
        ("nodes", []),
        ("rm", ["run", "delete", "cp"]),
    ],
)
def test_suggestions(word: str, suggested: list[str]) -> None:
    known = ["cp", "delete", "describe", "get", "help", "logs", "rollout", "run", "set"]
    text = dispatch.unknown_command(word, "kubectl", known)
    assert text.partition("Did you mean this?\n")[2].split() == suggested


def test_help_fits_the_terminal() -> None:
    from minikctl.kubectl.help import _wrapped

    text = _wrapped("Options:\n    --name='':\n\t" + "many words " * 30 + "\n\n  kubectl x\n", 80)
    assert max(len(line.expandtabs(8)) for line in text.split("\n")) <= 80
    assert text.startswith("Options:\n    --name='':\n\tmany words ") and text.endswith("\n\n  kubectl x\n")


def test_own_commands_are_called_by_their_own_name(cluster: TestCluster) -> None:
    """Everything else is kubectl's, to the letter."""
    assert set(dispatch.words("minikctl.cluster.commands")) <= OWN
    assert "kubectl" not in cluster.cli("cluster", "node", "--help").out
    assert cluster.cli("trace", "--help").out.count("  minikctl trace (URL | SERVICE[:PORT])") == 1
    assert cluster.cli("cluster", "stop", "x").err.endswith("See 'minikctl cluster stop -h' for help and examples\n")
    assert cluster.cli("image", "ls", "--nosuch").err.endswith("See 'minikctl image ls --help' for usage.\n")
    assert "  kubectl get" in cluster.cli("get", "--help").out
