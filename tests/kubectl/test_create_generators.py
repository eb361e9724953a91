"""`create` subcommands: what each writes with --dry-run=client, and what each refuses. Nothing asks a server."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from minikctl.cli import run
from minikctl.kubectl.command import Environment
from tests.support.cluster import Result, TestCluster


def dry(tmp_path: Path, line: str | list[str]) -> Result:
    """Run `create …` without any cluster: a connection would be an error."""
    from io import StringIO

    def refuse(_call: object) -> Any:
        raise AssertionError("a client dry run asked for the cluster")

    out, err = StringIO(), StringIO()
    words = line.split() if isinstance(line, str) else line
    env = Environment(StringIO(), out, err, {"FROM_ENV": "here"}, tmp_path, connect=refuse)
    code = run(["create", *words], env)
    return Result(code, out.getvalue(), err.getvalue())


def made(tmp_path: Path, line: str | list[str]) -> dict[str, Any]:
    words = line.split() if isinstance(line, str) else line
    at = words.index("--") if "--" in words else len(words)
    result = dry(tmp_path, [*words[:at], "--dry-run=client", "-o", "yaml", *words[at:]])
    assert (result.code, result.err) == (0, "")
    obj: dict[str, Any] = yaml.safe_load(result.out)
    return obj


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "shop.conf").write_text("open = 9\n")
    (tmp_path / "app.env").write_text("# settings\n\nMODE=fast\n  SPACED= x \nFROM_ENV\nNOTHING\n")
    folder = tmp_path / "etc"
    (folder / "below").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "b.bin").write_bytes(b"\xff\x00")
    (folder / "link").symlink_to("a.txt")
    return tmp_path


SPECS = [
    (
        "deployment shop --image=repo/shop_app:2 --image=redis@sha256:0 --replicas=2 --port=8080",
        lambda o: [c["name"].rsplit("-", 1)[0] for c in o["spec"]["template"]["spec"]["containers"]],
        ["shop-app", "redis"],
    ),
    (
        "deploy shop --image=a -r 3 -- sh -c true",
        lambda o: (o["spec"]["replicas"], o["spec"]["template"]["spec"]["containers"][0]["command"]),
        (3, ["sh", "-c", "true"]),
    ),
    ("deployment shop --image=a --port=81", lambda o: o["spec"]["template"]["spec"]["containers"][0]["ports"], [{"containerPort": 81}]),
    ("job once --image=busybox -- date", lambda o: o["spec"]["template"]["spec"]["restartPolicy"], "Never"),
    (
        ["cronjob", "tick", "--image=busybox", "--schedule=*/5 * * * *"],
        lambda o: (o["spec"]["schedule"], o["spec"]["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"]),
        ("*/5 * * * *", "OnFailure"),
    ),
    ("ns shop", lambda o: o, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}, "spec": {}, "status": {}}),
    ("sa robot -n shop", lambda o: o["metadata"], {"name": "robot", "namespace": "shop"}),
    ("ns robot -n shop", lambda o: o["metadata"], {"name": "robot"}),
    (
        "quota team --hard=cpu=1500m,pods=3 --scopes=BestEffort",
        lambda o: o["spec"],
        {"hard": {"cpu": "1500m", "pods": "3"}, "scopes": ["BestEffort"]},
    ),
    (
        "pc urgent --value=-7 --global-default --description=now",
        lambda o: (o["value"], o["globalDefault"], o["description"], o["preemptionPolicy"]),
        (-7, True, "now", "PreemptLowerPriority"),
    ),
    (
        ["pdb", "shop", "--selector=app=shop,tier in (a,b)", "--max-unavailable=10%"],
        lambda o: o["spec"],
        {
            "maxUnavailable": "10%",
            "selector": {
                "matchLabels": {"app": "shop"},
                "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}],
            },
        },
    ),
    (
        "role r --verb=get,get --verb=* --resource=po,deploy.apps/scale --resource-name=a --resource-name=a",
        lambda o: o["rules"],
        [
            {"apiGroups": [""], "resourceNames": ["a"], "resources": ["pods"], "verbs": ["*"]},
            {"apiGroups": ["apps"], "resourceNames": ["a"], "resources": ["deployments/scale"], "verbs": ["*"]},
        ],
    ),
    ("clusterrole c --verb=get --non-resource-url=/a,/a,/b/*", lambda o: o["rules"], [{"nonResourceURLs": ["/a", "/b/*"], "verbs": ["get"]}]),
    (
        "clusterrole c --aggregation-rule=a=1,b=2",
        lambda o: o["aggregationRule"]["clusterRoleSelectors"],
        [{"matchLabels": {"a": "1", "b": "2"}}],
    ),
    (
        "rolebinding b --role=r --user=ann --group=devs --serviceaccount=shop:robot",
        lambda o: [(s["kind"], s["name"], s.get("namespace")) for s in o["subjects"]],
        [("User", "ann", None), ("Group", "devs", None), ("ServiceAccount", "robot", "shop")],
    ),
    ("clusterrolebinding b --clusterrole=view", lambda o: o["roleRef"]["kind"], "ClusterRole"),
    (
        "svc clusterip shop --tcp=80:http --tcp=81",
        lambda o: [(p["name"], p["port"], p["targetPort"]) for p in o["spec"]["ports"]],
        [("80-http", 80, "http"), ("81", 81, 81)],
    ),
    ("service clusterip shop --clusterip=None", lambda o: o["spec"]["clusterIP"], "None"),
    ("svc nodeport shop --tcp=80 --node-port=30001", lambda o: o["spec"]["ports"][0]["nodePort"], 30001),
    ("svc loadbalancer shop --tcp=80", lambda o: o["spec"]["type"], "LoadBalancer"),
    ("svc externalname db --external-name db.example.com", lambda o: o["spec"]["externalName"], "db.example.com"),
    (
        "ing shop --rule=a.example/=one:80,tls=s --rule=a.example/x*=two:web --rule=b.example/=one:80,tls=s",
        lambda o: (
            [(r["host"], [(p["path"], p["pathType"]) for p in r["http"]["paths"]]) for r in o["spec"]["rules"]],
            o["spec"]["tls"],
        ),
        (
            [("a.example", [("/", "Exact"), ("/x", "Prefix")]), ("b.example", [("/", "Exact")])],
            [{"hosts": ["a.example", "b.example"], "secretName": "s"}],
        ),
    ),
    ("ing shop --default-backend=web:80", lambda o: o["spec"]["defaultBackend"]["service"], {"name": "web", "port": {"number": 80}}),
    ("cm c --from-file=shop.conf --from-file=k=shop.conf", lambda o: o["data"], {"shop.conf": "open = 9\n", "k": "open = 9\n"}),
    ("cm c --from-file=etc", lambda o: (o["data"], o["binaryData"]), ({"a.txt": "a"}, {"b.bin": "/wA="})),
    ("cm c --from-env-file=app.env", lambda o: o["data"], {"MODE": "fast", "SPACED": " x ", "FROM_ENV": "here", "NOTHING": ""}),
    ("secret generic s --from-literal=a=b=c --type=t", lambda o: (o["data"], o["type"]), ({"a": "Yj1j"}, "t")),
    (
        "secret docker-registry s --docker-server=r --docker-username=u --docker-password=p",
        lambda o: o["data"],
        {".dockerconfigjson": "eyJhdXRocyI6eyJyIjp7InVzZXJuYW1lIjoidSIsInBhc3N3b3JkIjoicCIsImF1dGgiOiJkVHB3In19fQ=="},
    ),
    ("secret docker-registry s --from-file=shop.conf", lambda o: list(o["data"]), [".dockerconfigjson"]),
]  # fmt: skip


@pytest.mark.parametrize(("line", "pick", "expected"), SPECS, ids=lambda v: v if isinstance(v, str) else None)
def test_objects(files: Path, line: str, pick: Any, expected: Any) -> None:
    assert pick(made(files, line)) == expected


def test_typed_json_has_go_s_order_and_empty_structs(tmp_path: Path) -> None:
    result = dry(tmp_path, "deployment shop --image=a --dry-run=client -o json")
    obj = json.loads(result.out)
    assert list(obj) == ["kind", "apiVersion", "metadata", "spec", "status"]
    assert (obj["status"], obj["spec"]["strategy"]) == ({}, {})


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("cm c --from-literal=a=1", "c-9dtcmmmm5t"),
        ("secret generic s --from-literal=a=1", "s-gtkfk5m49d"),
    ],
)
def test_hashes_follow_the_content(tmp_path: Path, line: str, name: str) -> None:
    hashed = made(tmp_path, f"{line} --append-hash")["metadata"]["name"]
    assert len(hashed.split("-")[1]) == 10 and not set(hashed.split("-")[1]) & set("013ae")
    assert hashed != made(tmp_path, f"{line}2 --append-hash")["metadata"]["name"]
    assert hashed == name


SEE = "See 'kubectl create {0} -h' for help and examples\n"
ERRORS = [
    ("ns", "exactly one NAME is required, got 0\n" + SEE.format("namespace")),
    ("ns a b", "exactly one NAME is required, got 2\n" + SEE.format("namespace")),
    ("deployment a --image=x --image=y -- date", "cannot specify multiple --image options and command"),
    ("deployment a", 'required flag(s) "image" not set'),
    ("deployment a --image=x --port=99999999999", 'invalid argument "99999999999" for "--port" flag: strconv.ParseInt: parsing "99999999999": value out of range'),
    ("job a", "either --image or --from must be specified"),
    ("job a --from=cronjob/x -- date", "cannot specify --from and command"),
    ("cronjob a --image=x", 'required flag(s) "schedule" not set'),
    ("cm a --from-literal=x", "invalid literal source x, expected key=value"),
    ("cm a --from-literal==x", "invalid literal source =x, expected key=value"),
    ("cm a --from-literal=a=1 --from-literal=a=2", 'cannot add key "a", another key by that name already exists in Data for ConfigMap "a"'),
    ("cm a --from-literal=a!=1", '"a!" is not a valid key name for a ConfigMap: a valid config key must consist'),
    ("cm a --from-file=none", "error reading none: no such file or directory"),
    ("cm a --from-file==x", "key name for file path x missing"),
    ("cm a --from-file=x=", "file path for key name x missing"),
    ("cm a --from-file=x=y=z", "key names or file paths cannot contain '='"),
    ("cm a --from-file=k=etc", "cannot give a key name for a directory path"),
    ("cm a --from-env-file=etc", "env config file cannot be a directory"),
    ("secret generic a --from-env-file=etc", "env secret file cannot be a directory"),
    ("cm a --from-env-file=etc/b.bin", "env file etc/b.bin contains invalid utf8 bytes at line 1: [255 0]"),
    ("cm a --from-env-file=app.env --from-literal=a=b", "from-env-file cannot be combined with from-file or from-literal"),
    ("secret generic a --from-literal=a=1 --from-literal=a=2", "cannot add key a, another key by that name already exists"),
    ("secret tls a --cert=x", "key and cert must be specified"),
    ("secret tls a --cert=none --key=none", "Cannot read file none, open none: no such file or directory"),
    ("secret tls a --cert=shop.conf --key=shop.conf", "tls: failed to find any PEM data in certificate input"),
    ("secret docker-registry a --docker-username=u", "either --from-file or the combination of --docker-username, --docker-password and --docker-server is required"),
    ("secret odd a", "unknown command \"odd a\"\n" + SEE.format("secret")),
    ("quota a --hard=pods", "Invalid argument syntax pods, expected <resource>=<value>"),
    ("quota a --hard=pods=x", "quantities must match the regular expression"),
    ("quota a --scopes=A,,B", 'invalid resource quota scope ""'),
    ("pdb a", "a selector must be specified"),
    ("pdb a --selector=a=b", "one of min-available or max-unavailable must be specified"),
    ("pdb a --selector=a=b --min-available=1 --max-unavailable=1", "min-available and max-unavailable cannot be both specified"),
    ("pdb a --selector=a=b --min-available=1Gi", "invalid format specified for min-available"),
    ("pdb a --selector=a!=b --min-available=1", '"!=" is not a valid label selector operator'),
    ("pdb a --selector=a=b=c --min-available=1", 'couldn\'t parse the selector string "a=b=c": '),
    ("role a", "at least one verb must be specified"),
    ("role a --verb=get", "at least one resource must be specified"),
    ("role a --verb=get --resource=/x", "resource must be specified if apiGroup/subresource specified"),
    ("role a --verb=bind --resource=pods", "can not perform 'bind' on 'pods' in group ''"),
    ("clusterrole a --verb=get", "one of resource or nonResourceURL must be specified"),
    ("clusterrole a --verb=list --non-resource-url=/x", "invalid verb: 'list' for nonResourceURL"),
    ("clusterrole a --verb=get --non-resource-url=x", "nonResourceURL should start with /"),
    ("clusterrole a --verb=get --non-resource-url=/*x", "nonResourceURL only supports wildcard matches when '*' is at the end"),
    ("clusterrole a --aggregation-rule=a=b --verb=get", "aggregation rule must be specified without nonResourceURLs, verbs, resources or resourceNames"),
    ("clusterrole a --aggregation-rule=a", 'invalid argument "a" for "--aggregation-rule" flag: malformed pair, expect string=string'),
    ("rolebinding a", "exactly one of clusterrole or role must be specified"),
    ("rolebinding a --role=r --serviceaccount=x", "serviceaccount must be <namespace>:<name>"),
    ("svc clusterip a", "at least one tcp port specifier must be provided"),
    ("svc clusterip a --tcp=x", 'strconv.ParseUint: parsing "x": invalid syntax'),
    ("svc clusterip a --tcp=99999", 'strconv.ParseUint: parsing "99999": value out of range'),
    ("svc clusterip a --tcp=1:99999", "must be between 1 and 65535, inclusive"),
    ("svc externalname a", 'required flag(s) "external-name" not set'),
    ("svc externalname a --external-name=A_B", "invalid service external name A_B"),
    ("ing a", "not enough information provided: every ingress has to either specify a default-backend"),
    ("ing a --rule=x", "rule x is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]"),
    ("ing a --default-backend=x", "default-backend should be in format servicename:serviceport"),
    ("ing a --rule=/=x:1 --annotation=x", "annotation x is invalid and should be in format key=[value]"),
    ("ns a --dry-run=client -o odd", 'unable to match a printer suitable for the output format "odd"'),
    ("ns a --dry-run=odd", 'Invalid dry-run value (odd). Must be "none", "server", or "client".'),
    ("ns a --dry-run=client --validate=odd", 'invalid - validate option "odd"; must be one of: strict (or true), warn, ignore (or false)'),
    ("token a --duration=1500ms", "--duration cannot be expressed in units less than seconds"),
    ("token a --bound-object-name=x", "--bound-object-name can only be set if --bound-object-kind is provided"),
    ("token a --bound-object-kind=Job", "supported --bound-object-kind values are Node, Pod, Secret"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), ERRORS, ids=[e[0] for e in ERRORS])
def test_errors(files: Path, line: str, message: str) -> None:
    result = dry(files, line)
    assert result.code == 1 and result.out == ""
    assert result.err.startswith(f"error: {message}")


def test_an_unknown_resource_in_a_role(cluster: TestCluster) -> None:
    result = cluster.cli("create", "role", "a", "--verb=get", "--resource=wombats.example.com")
    expected = 'the server doesn\'t have a resource type "wombats" in group "example.com"\n'
    assert (result.code, result.err) == (1, expected)


def test_odd_verbs_are_warned_about(tmp_path: Path) -> None:
    result = dry(tmp_path, "role a --verb=fly --resource=pods --dry-run=client")
    assert result.err == "Warning: 'fly' is not a standard resource verb\n"
    assert result.out == "role.rbac.authorization.k8s.io/a created (dry run)\n"


def test_a_group_alone_shows_help_on_stderr(tmp_path: Path) -> None:
    result = dry(tmp_path, "secret")
    assert result.code == 1 and result.out == ""
    assert result.err.startswith("Create a secret with specified type.\n")


def test_a_certificate_must_belong_to_its_key(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make keys with")
    for name in ("a", "b"):
        subprocess.run(
            [
                openssl,
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-subj",
                "/CN=x",
            ]
            + ["-keyout", f"{name}.key", "-out", f"{name}.crt"],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
    assert made(tmp_path, "secret tls t --cert=a.crt --key=a.key")["type"] == "kubernetes.io/tls"
    for cert, key, message in (
        ("a.crt", "b.key", "tls: private key does not match public key"),
        ("a.crt", "a.crt", "tls: found a certificate rather than a key in the PEM for the private key"),
        (
            "a.key",
            "a.key",
            "tls: failed to find certificate PEM data in certificate input, but did find a private key;",
        ),
    ):
        assert dry(tmp_path, f"secret tls t --cert={cert} --key={key}").err.startswith(f"error: {message}")


# ---------------------------------------------------------------------- with a server


def test_created_is_stored_in_the_current_namespace(cluster: TestCluster) -> None:
    assert cluster.cli("create", "cm", "c", "--from-literal=a=1").out == "configmap/c created\n"
    assert cluster.client.get("cm", "c", "default")["data"] == {"a": "1"}
    again = cluster.cli("create", "cm", "c", "--from-literal=a=1")
    assert again.err == 'error: failed to create configmap: configmaps "c" already exists\n'
    elsewhere = cluster.cli("create", "cm", "c", "-n", "nowhere")
    assert elsewhere.err == 'error: failed to create configmap: namespaces "nowhere" not found\n'
    namespace = cluster.cli("create", "ns", "default")
    assert namespace.err == 'Error from server (AlreadyExists): namespaces "default" already exists\n'


def test_a_server_dry_run_keeps_nothing(cluster: TestCluster) -> None:
    result = cluster.cli("create", "cm", "c", "--dry-run=server")
    assert result.out == "configmap/c created (server dry run)\n"
    assert "NotFound" in cluster.cli("get", "cm", "c").err


def test_save_config_notes_the_typed_object(cluster: TestCluster) -> None:
    cluster.cli("create", "cm", "c", "--from-literal=a=1", "--save-config")
    annotations = cluster.client.get("cm", "c", "default")["metadata"]["annotations"]
    text = '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c"},"data":{"a":"1"}}\n'
    assert annotations == {"kubectl.kubernetes.io/last-applied-configuration": text}


def test_a_job_from_a_cron_job(cluster: TestCluster) -> None:
    cluster.cli("create", "cj", "nightly", "--image=busybox", "--schedule=0 1 * * *", "--", "date")
    cron_job = cluster.client.get("cronjobs", "nightly", "default")
    assert cluster.cli("create", "job", "now", "--from=cj/nightly").out == "job.batch/now created\n"
    job = cluster.client.get("jobs", "now", "default")
    owner = job["metadata"]["ownerReferences"][0]
    assert (owner["uid"], owner["controller"], "blockOwnerDeletion" in owner) == (
        cron_job["metadata"]["uid"],
        True,
        False,
    )
    assert job["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"
    assert job["spec"]["template"]["spec"]["containers"][0]["command"] == ["date"]
    assert cluster.cli("create", "job", "x", "--from=cj/none").err == (
        'Error from server (NotFound): cronjobs.batch "none" not found\n'
    )
    assert (
        cluster.cli("create", "job", "x", "--from=sa/default").err == "error: unknown object type *v1.ServiceAccount\n"
    )
