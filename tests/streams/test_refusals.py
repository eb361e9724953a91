"""Who may not, what is nowhere yet, and a node's agent that is killed: the same words through every door."""

from __future__ import annotations

from tests.streams.conftest import Cluster, Program
from tests.support.waiting import eventually

NOT_ALLOWED = (
    'pods "web" is forbidden: User "ann" cannot create resource "{}" in API group "" in the namespace "default"'
)


def test_reading_is_not_entering(cluster: Cluster, program: Program) -> None:
    """A WebSocket begins with GET; who may only get must not come in with it."""
    name = f"reader-{program.name}"
    rules = [
        {
            "apiGroups": [""],
            "resources": ["pods", *(f"pods/{s}" for s in ("log", "exec", "attach", "portforward"))],
            "verbs": ["get"],
        }
    ]
    cluster.client.create("roles", {"metadata": {"name": name}, "rules": rules}, "default")
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ann"}],
    }
    cluster.client.create("rolebindings", binding, "default")
    eventually(lambda: program.run("logs", "web", "--as=ann").code == 0)
    done = program.run("exec", "web", "--as=ann", "--", "date")
    shown = f"error: unable to upgrade connection: {NOT_ALLOWED.format('pods/exec')}\n"
    assert (done.code, done.err) == (1, shown)
    done = program.run("port-forward", "web", ":80", "--as=ann")
    shown = (
        f"error: error upgrading connection: unable to upgrade connection: {NOT_ALLOWED.format('pods/portforward')}\n"
    )
    assert (done.code, done.out, done.err) == (1, "", shown)
    done = program.run("attach", "web", "--as=ann", "-q")
    assert (done.code, done.err) == (1, f"error: unable to upgrade connection: {NOT_ALLOWED.format('pods/attach')}\n")


def test_a_pod_without_a_node(cluster: Cluster, program: Program) -> None:
    name = f"nowhere-{program.name}"
    cluster.pod(name, {"containers": [{"name": "app", "image": "busybox"}], "nodeSelector": {"no": "node"}})
    for command in (("exec", name, "--", "date"), ("attach", name, "-q")):
        done = program.run(*command)
        shown = f"error: unable to upgrade connection: pod {name} does not have a host assigned\n"
        assert (done.code, done.err) == (1, shown)
    done = program.run("logs", name)
    assert (done.code, done.out, done.err) == (0, "", "")


def test_an_agent_that_is_killed(cluster: Cluster, program: Program) -> None:
    name = f"goes-on-{program.name}"
    cluster.create(name, "sh", "-c", "i=0; while :; do echo $i; i=$((i+1)); sleep 0.1; done")
    cluster.running(name)
    with (
        program.running("logs", "-f", name) as following,
        program.running("port-forward", "listens", ":8080") as forwarding,
    ):
        following.until("3\n")
        forwarding.until("-> 8080\n")
        killed = cluster.daemon.kill("kubelet-node-1")
        assert forwarding.ended() == 1
        assert forwarding.err == "error: lost connection to pod\n"
        eventually(lambda: cluster.daemon.process("kubelet-node-1").pid != killed.pid)
        seen = following.until(f"\n{following.out.count(chr(10)) + 20}\n").split()
        assert [int(x) for x in seen] == list(range(len(seen))), "nothing is lost, nothing comes twice"
    eventually(lambda: program.run("exec", "web", "--", "true").code == 0)
