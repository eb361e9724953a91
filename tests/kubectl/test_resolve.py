"""From words and manifests to objects."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from minikctl.kubectl import errors, manifest, resolve, words
from minikctl.kubectl.command import Command, Environment, Invocation
from minikctl.kubectl.flags import bind, scan
from minikctl.kubectl.global_options import GLOBAL_OPTIONS
from minikctl.util.errors import Aggregate, UsageError
from tests.support.cluster import TestCluster
from tests.support.ordinary_user import as_ordinary_user

POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {}\n"


def call(cluster: TestCluster, *argv: str, stdin: str = "", cwd: Path | None = None) -> Invocation:
    parsed, _ = scan(GLOBAL_OPTIONS, argv)
    env = Environment(
        stdin=io.StringIO(stdin),
        stdout=io.StringIO(),
        stderr=io.StringIO(),
        environ={},
        cwd=cwd or cluster.root,
        connect=cluster.connection,
    )
    return Invocation(Command("x", "", lambda _c: 0), "kubectl x", env, bind(GLOBAL_OPTIONS, parsed.flags), [])


# ---------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("word", "resource"),
    [
        ("po", "pods"),
        ("Pod", "pods"),
        ("PODS", "pods"),
        ("deploy", "deployments.apps"),
        ("deployments.apps", "deployments.apps"),
        ("deployment.v1.apps", "deployments.apps"),
        ("ing.networking", "ingresses.networking.k8s.io"),
        ("cj.batch", "cronjobs.batch"),
        ("pods.v1.", "pods"),
    ],
)
def test_words_for_kinds(cluster: TestCluster, word: str, resource: str) -> None:
    assert words.find_kind(call(cluster), word).resource == resource


def queries(cluster: TestCluster, *args: str, **options: Any) -> list[tuple[str, str, str]]:
    made = words.plan(call(cluster), args, allow_empty_selector=True, **options)
    return [(q.kind.plural, q.namespace, q.name) for q in made.queries]


def test_plans(cluster: TestCluster) -> None:
    assert queries(cluster, "po") == [("pods", "default", "")]
    assert queries(cluster, "po,no,pods") == [("pods", "default", ""), ("nodes", "", "")]
    assert queries(cluster, "po", "a", "b") == [("pods", "default", "a"), ("pods", "default", "b")]
    assert queries(cluster, "po/a", "ns/b") == [("pods", "default", "a"), ("namespaces", "", "b")]
    assert queries(cluster, "po,svc", "a") == [("pods", "default", "a"), ("services", "default", "a")]
    assert queries(cluster, "po", all_namespaces=True) == [("pods", "", "")]
    everything = queries(cluster, "all")
    assert ("pods", "default", "") in everything and ("deployments", "default", "") in everything
    assert everything.index(("pods", "default", "")) < everything.index(("deployments", "default", ""))


@pytest.mark.parametrize(
    ("args", "single"), [(["po/a"], True), (["po", "a"], True), (["po", "a", "b"], False), (["po"], False)]
)
def test_a_single_object_is_meant(cluster: TestCluster, args: list[str], single: bool) -> None:
    assert words.plan(call(cluster), args, allow_empty_selector=True).single is single


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        ([], {}, "You must provide one or more resources by argument or filename."),
        (["po"], {}, "resource(s) were provided, but no name was specified"),
        (["po/"], {}, "arguments in resource/name form must have a single resource and name"),
        (["po/a/b"], {}, "arguments in resource/name form may not have more than one slash"),
        (["po,svc/a"], {}, "arguments in resource/name form must have a single resource and name"),
        (["po/a", "svc"], {}, "there is no need to specify a resource type as a separate argument"),
        (["po", "a"], {"label_selector": "x=y"}, "name cannot be provided when a selector is specified"),
        (["po/a"], {"all_": True}, "selectors and the all flag cannot be used when passing resource/name arguments"),
        ([], {"all_": True}, "at least one resource must be specified to use a selector"),
        (["po"], {"all_": True, "label_selector": "x"}, "setting 'all' parameter but found a non empty selector. "),
        (["po/a", "svc/b"], {"single_type": True}, "you may only specify a single resource type"),
        (["fruit"], {}, 'the server doesn\'t have a resource type "fruit"'),
    ],
)
def test_words_that_make_no_sense(cluster: TestCluster, args: list[str], options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        words.plan(call(cluster), args, **options)
    assert raised.value.message.startswith(message)


def test_objects_of_words(cluster: TestCluster) -> None:
    found = resolve.from_args(call(cluster), ["sa/default", "ns/default", "ns/nope"])
    assert [t.label for t in found.targets] == ["serviceaccount/default", "namespace/default"]
    assert [str(e) for e in found.errors] == ['namespaces "nope" not found']
    unfetched = resolve.from_args(call(cluster), ["deploy/web"], fetch=False)
    assert [(t.label, t.obj) for t in unfetched.targets] == [("deployment.apps/web", None)]


# ---------------------------------------------------------------------- files


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def names(found: resolve.Resolved) -> list[str]:
    return [t.name for t in found.targets]


def test_folders_are_read_in_order(cluster: TestCluster, tmp_path: Path) -> None:
    write(tmp_path, d__b_yaml=POD.format("b"), d__a_yml=POD.format("a"), d__c_txt=POD.format("c"), d__e__f_json="{")
    here = call(cluster, cwd=tmp_path)
    assert names(resolve.resolve(here, [], filenames=["d"])) == ["a", "b"]
    deep = resolve.resolve(here, [], filenames=["d"], recursive=True)
    assert names(deep) == ["a", "b"]
    assert [str(e) for e in deep.errors] == ["error parsing d/e/f.json: unexpected EOF"]
    assert names(resolve.resolve(here, [], filenames=["d/c.txt"])) == ["c"]
    assert names(resolve.resolve(here, [], filenames=["d/*.y*ml", "d/c.txt"])) == ["a", "b", "c"]


def test_standard_input(cluster: TestCluster) -> None:
    found = resolve.resolve(call(cluster, stdin=POD.format("x")), [], filenames=["-"])
    assert [(t.name, t.source) for t in found.targets] == [("x", "STDIN")]
    with pytest.raises(UsageError, match="standard input cannot be used for multiple arguments"):
        resolve.resolve(call(cluster), [], filenames=["-", "-"])


def test_urls(cluster: TestCluster, tmp_path: Path) -> None:
    import functools
    import http.server
    import threading

    write(tmp_path, pod_yaml=POD.format("far"))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        found = resolve.resolve(call(cluster), [], filenames=[f"{base}/pod.yaml"])
        missing = resolve.resolve(call(cluster), [], filenames=[f"{base}/nope.yaml"])
        server.shutdown()
    assert [(t.name, t.source) for t in found.targets] == [("far", f"{base}/pod.yaml")]
    assert str(missing.errors[0]) == (
        f'unable to read URL "{base}/nope.yaml", server reported 404 File not found, status code=404'
    )


@pytest.mark.parametrize(
    ("filenames", "options", "message"),
    [
        (["nope.yaml"], {}, 'the path "nope.yaml" does not exist'),
        (["nope*.yaml"], {}, 'the path "nope*.yaml" does not exist'),
        (["empty"], {}, "error reading [empty]: recognized file extensions are [.json .yaml .yml]"),
        (["a.yaml"], {"kustomize": "k"}, "only one of -f or -k can be specified"),
        (
            ["a.yaml"],
            {"args": ["po"]},
            "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well",
        ),
        ([], {"local": True}, "you must specify resources by --filename when --local is set."),
    ],
)
def test_refused_files(
    cluster: TestCluster, tmp_path: Path, filenames: list[str], options: dict[str, Any], message: str
) -> None:
    write(tmp_path, a_yaml=POD.format("a"))
    (tmp_path / "empty").mkdir()
    args = options.pop("args", [])
    with pytest.raises(UsageError) as raised:
        resolve.resolve(call(cluster, cwd=tmp_path), args, filenames=filenames, **options)
    assert raised.value.message.startswith(message)


def test_every_missing_path_is_named(cluster: TestCluster) -> None:
    with pytest.raises(Aggregate) as raised:
        manifest.read(call(cluster), ["a.yaml", "b.yaml"])
    assert errors.message(raised.value) == 'the path "a.yaml" does not exist\nthe path "b.yaml" does not exist'


def test_an_unreadable_file(cluster: TestCluster, tmp_path: Path) -> None:
    write(tmp_path, a_yaml=POD.format("a"))
    (tmp_path / "a.yaml").chmod(0)

    def check() -> None:
        found = resolve.resolve(call(cluster, cwd=tmp_path), [], filenames=["a.yaml"])
        assert str(found.errors[0]) == "open a.yaml: permission denied"

    as_ordinary_user(tmp_path, check)


def test_utf_16_and_byte_order_marks() -> None:
    assert manifest.decode_text("kind: Pød".encode("utf-16")) == "kind: Pød"
    assert manifest.decode_text(b"\xef\xbb\xbfkind: Pod") == "kind: Pod"


# ---------------------------------------------------------------------- manifests


def mapped(cluster: TestCluster, text: str, *argv: str, **options: Any) -> resolve.Resolved:
    here = call(cluster, *argv, stdin=text)
    return resolve.from_documents(here, manifest.read(here, ["-"]), **options)


def test_namespaces_are_filled_in(cluster: TestCluster) -> None:
    found = mapped(
        cluster, POD.format("a") + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, namespace: x}\n"
    )
    pod, namespace = found.targets
    assert (pod.namespace, pod.obj) == (
        "default",
        {**(pod.obj or {}), "metadata": {"name": "a", "namespace": "default"}},
    )
    assert (namespace.namespace, (namespace.obj or {})["metadata"]) == ("", {"name": "shop"})


def test_another_namespace_than_asked_for(cluster: TestCluster) -> None:
    text = POD.format("a") + "  namespace: shop\n"
    assert mapped(cluster, text, require_namespace=False).targets[0].namespace == "shop"
    (problem,) = mapped(cluster, text, "-n", "kube-system").errors
    assert str(problem) == (
        'the namespace from the provided object "shop" does not match the namespace "kube-system". '
        "You must pass '--namespace=shop' to perform this operation."
    )


def test_validation_stops_at_the_first_bad_object_of_a_file(cluster: TestCluster) -> None:
    text = POD.format("a") + "---\nkind: Pod\n---\n" + POD.format("c")
    found = mapped(cluster, text, validate="strict")
    assert names(found) == ["a"]
    assert str(found.problem) == (
        'error validating "STDIN": error validating data: apiVersion not set; '
        "if you choose to ignore these errors, turn validation off with --validate=false"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: b\n", "[apiVersion not set, kind not set]"),
        ("just text\n", "invalid object to validate"),
        ("[]\n", "invalid object to validate"),
        ("apiVersion: 1\nkind: Pod\n", "apiVersion isn't string type"),
        ("apiVersion: a/b/c\nkind: Pod\n", "unexpected GroupVersion string: a/b/c"),
    ],
)
def test_what_is_no_object(cluster: TestCluster, text: str, why: str) -> None:
    found = mapped(cluster, text, validate="strict")
    assert f"error validating data: {why}; if you choose" in str(found.problem)


def test_unknown_kinds(cluster: TestCluster) -> None:
    (problem,) = mapped(cluster, "apiVersion: fruit/v1\nkind: Apple\nmetadata: {name: a}\n").errors
    assert str(problem) == (
        'resource mapping not found for name: "a" namespace: "" from "STDIN": '
        'no matches for kind "Apple" in version "fruit/v1"\nensure CRDs are installed first'
    )
    local = mapped(cluster, "apiVersion: fruit/v1\nkind: Apple\nmetadata: {name: a}\n", local=True)
    assert [t.label for t in local.targets] == ["apple.fruit/a"]


def test_errors_keep_the_order_of_the_files(cluster: TestCluster, tmp_path: Path) -> None:
    write(
        tmp_path,
        d__1_yaml="a: [\n",
        d__2_yaml="kind: Nope\napiVersion: v1\n",
        d__3_yaml=POD.format("x"),
        d__4_yaml="b: {\n",
    )
    found = resolve.resolve(call(cluster, cwd=tmp_path), [], filenames=["d"], validate="strict")
    assert names(found) == ["x"]
    assert [str(e).split()[0] for e in found.errors] == ["error", "resource", "error"]
    text = errors.message(Aggregate([found.problem or ValueError(), ValueError("later")]))
    assert text.startswith("[error parsing d/1.yaml: ") and text.endswith("]\nlater")


def test_selectors_choose_among_files(cluster: TestCluster, tmp_path: Path) -> None:
    write(tmp_path, p_yaml=POD.format("a") + "  labels: {app: x}\n---\n" + POD.format("b"))
    found = resolve.resolve(call(cluster, cwd=tmp_path), [], filenames=["p.yaml"], label_selector="app=x")
    assert names(found) == ["a"]
