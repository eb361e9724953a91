"""One cluster and three ways to it: the real kubectl on its HTTP API, minikctl on the files, minikctl on HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import reference
from tests.support.cluster import Result, TestCluster
from tests.support.http import serving
from tests.support.populated import populate


@dataclass
class Doors:
    """The same command line through each door. `home`: the folder that both work in."""

    cluster: TestCluster
    url: str
    home: Path

    def kubectl(self, *argv: str, stdin: str = "", **environ: str) -> Result:
        return reference.run("kubectl", *argv, home=self.home, stdin=stdin, KUBECONFIG=self.config(), **environ)

    def files(self, *argv: str, stdin: str = "", **environ: str) -> Result:
        return self.cluster.cli(*argv, stdin=stdin, cwd=self.home, environ={"HOME": str(self.home), **environ})

    def http(self, *argv: str, stdin: str = "", **environ: str) -> Result:
        given = {"HOME": str(self.home), "MINIKCTL_STATE": str(self.home / "none"), **environ}
        return self.cluster.cli(
            "--kubeconfig", self.config(), *argv, stdin=stdin, cwd=self.home, environ=given, own_connection=True
        )

    def config(self) -> str:
        path = self.home / "kubeconfig"
        if not path.exists():
            path.write_text(
                "apiVersion: v1\nkind: Config\ncurrent-context: minikctl\n"
                f"clusters: [{{name: minikctl, cluster: {{server: '{self.url}'}}}}]\n"
                "contexts: [{name: minikctl, context: {cluster: minikctl, user: me}}]\nusers: [{name: me, user: {}}]\n"
            )
        return str(path)


def as_kubectl(text: str) -> str:
    """What minikctl says, under the other name: the program's own name in hints and usages."""
    return text.replace("minikctl", "kubectl")


def shown(result: Result) -> str:
    """Everything that a person or a script sees."""
    return f"exit code {result.code}\n--- stdout\n{result.out}--- stderr\n{_still(as_kubectl(result.err))}"


def _still(text: str) -> str:
    """klog's lines carry times and process ids; what its watches complain of depends on the moment."""
    text = re.sub(r"^[IWEF]\d{4} .* reflector\.go.*\n", "", text, flags=re.M)
    return re.sub(r"^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ ", r"\1 ", text, flags=re.M)


@pytest.fixture(scope="session")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A populated cluster that tests only read."""
    folder = tmp_path_factory.mktemp("differential")
    populate(folder / "state")
    cluster = TestCluster(folder / "state", live=True, fresh=False)
    (folder / "home").mkdir()
    with serving(cluster) as url:
        yield Doors(cluster, url, folder / "home")
    cluster.close()
