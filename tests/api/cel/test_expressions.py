"""CEL: values, errors in the API server's words, Kubernetes' functions."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from minikctl.api.cel import CompileError, EvaluationError, compile  # noqa: A004
from minikctl.api.cel.functions import functions
from minikctl.api.cel.library.authorizer import Question, authorizer

VALUES: list[tuple[str, Any, Any]] = [
    ("self.replicas <= self.max", {"replicas": 3, "max": 4}, True),
    ("self.all(x, x.size() > 2)", ["abc", "de"], False),
    ("has(self.a) ? self.a : 'none'", {}, "none"),
    ("self.?a.?b.orValue(7)", {}, 7),
    ("self == null", None, True),
    ("[3, 1].sort() == [1, 3] && sets.contains([1, 2], [2])", 0, True),
    ("self.transformList(i, v, v + i)", [10, 20], [10, 21]),
    ("'%s-%d'.format([self, 3])", "x", "x-3"),
    ("'a,b'.split(',').map(s, s.upperAscii())", 0, ["A", "B"]),
    ("string(self) + '!'", 5, "5!"),
    ("1 / 0 == 1 || true", 0, True),
    ("self.isSorted()", [1, 2, 2], True),
    ("self.isSorted()", ["b", "a"], False),
    ("self.sum()", [1.5, 2.5], 4.0),
    ("[1, 5, 2].max() + self.min()", [4, 3], 8),
    ("self.indexOf('b') + self.lastIndexOf('b')", ["b", "a", "b"], 2),
    ("self.indexOf('b')", "abc", 1),
    ("self.find('[0-9]+') + self.findAll('[0-9]+', 1)[0]", "a12b3", "1212"),
    ("self.find('(a+)(b)?') + self.find('(?P<x>b)$') + self.find('[(]')", "xaab(", "aab("),
    ("self.findAll('(?i)A(b|c)')", "ab ac ad", ["ab", "ac"]),
    ("self.find('(a+)+$')", "a" * 40 + "b", ""),
    ("lists.range(3) == [0, 1, 2]", 0, True),
    ("quantity(self).isGreaterThan(quantity('900Mi'))", "1Gi", True),
    ("quantity(self) == quantity('1000m')", "1", True),
    ("quantity('1Gi').sub(quantity('24Mi')).asInteger()", 0, 1000 * 2**20),
    ("quantity('1').add(2).compareTo(quantity('3')) == 0 && quantity('-1').sign() == -1", 0, True),
    ("isQuantity(self)", "1Zi", False),
    ("url(self).getHostname() + url(self).getPort() + url(self).getEscapedPath()", "https://a.b:80/c d?x=1", None),
    ("url(self).getHost() + url(self).getQuery()['x'][0]", "https://a.b:80/c?x=1", "a.b:801"),
    ("isURL(self)", "../x", False),
    ("ip(self).family()", "fe80::1", 6),
    ("ip(self).isLoopback() || ip(self).isGlobalUnicast()", "10.0.0.1", True),
    ("ip.isCanonical(self)", "::0001", False),
    ("isIP(self)", "::ffff:10.0.0.1", False),
    ("cidr(self).containsIP('10.1.2.3') && cidr(self).containsCIDR('10.1.0.0/16')", "10.0.0.0/8", True),
    ("string(cidr(self).masked()) + string(cidr(self).ip())", "10.1.2.3/8", "10.0.0.0/810.1.2.3"),
    ("isCIDR(self)", "10.0.0.1", False),
    ("semver(self).isGreaterThan(semver('1.2.3-rc.1'))", "1.2.3", True),
    ("semver('1.0.0-alpha.9').isLessThan(semver('1.0.0-alpha.10'))", 0, True),
    ("isSemver(self) || !isSemver(self, true)", "v1.2", False),
    ("format.dns1123Label().validate(self).hasValue()", "web-1", False),
    ("format.uuid().validate(self).value()", "x", ["does not match the UUID format"]),
    ("format.named('labelValue').value().validate(self).value().size()", "no good", 1),
    ("format.named(self).hasValue()", "nothing", False),
    ("format.dns1123LabelPrefix().validate(self).optMap(e, e[0]).orValue('fine')", "web-", "fine"),
]


@pytest.mark.parametrize(("expression", "self", "expected"), VALUES)
def test_values(expression: str, self: Any, expected: Any) -> None:
    program = compile(expression, {"self": "dyn"})
    if expected is None and self is not None:
        with pytest.raises(EvaluationError, match="URL parse error during conversion from string"):
            program.evaluate({"self": self})
    else:
        assert program.evaluate({"self": self}) == expected


@pytest.mark.parametrize(
    ("expression", "self", "message"),
    [
        ("self.x > 1", {}, "no such key: x"),
        ("self.x + 1", {"x": "a"}, "no such overload"),
        ("self[4]", [1], "index out of bounds: 4"),
        ("1 / self", 0, "division by zero"),
        ("self.max()", [], "max called on empty list"),
        ("quantity(self).asInteger()", "100m", "cannot convert value to integer"),
        ("semver(self).major()", "1.2", 'Invalid Semantic Version: "1.2"'),
        ("'x'.matches(self)", "(", "missing"),
        ("'x'.find(self)", "(", "Illegal regex: error parsing regexp: missing )"),
        ("self.all(a, self.all(b, a + b >= 0))", [1] * 200, "operation cancelled: actual cost limit exceeded"),
        ("lists.range(100000000).size()", 0, "lists.range needs a number up to 10000"),
        ("lists.range(self).size()", 5, "lists.range needs a number up to 10000"),
        ("authorizer().x", 0, "undeclared reference to 'authorizer'"),
    ],
)
def test_errors(expression: str, self: Any, message: str) -> None:
    with pytest.raises((EvaluationError, CompileError)) as e:
        compile(expression, {"self": "dyn"}).evaluate({"self": self})
    assert message in str(e.value)


def test_an_expression_that_is_wrong_is_shown() -> None:
    with pytest.raises(CompileError) as e:
        compile("self.a == foo", {"self": "dyn"})
    assert str(e.value) == (
        "ERROR: <input>:1:11: undeclared reference to 'foo' (in container '')\n | self.a == foo\n | ..........^"
    )


@pytest.mark.parametrize(
    "expression",
    [
        "quantity('1').isGreaterThan(semver('1.0.0'))",
        "quantity('1') + 1",
        "n == 'x'",
        "n >",
        "math.greatest(1, 2)",
        "cel.bind(x, 1, x)",
    ],
)
def test_the_checker_refuses(expression: str) -> None:
    with pytest.raises(CompileError):
        compile(expression, {"n": "int"})


@pytest.mark.parametrize(
    ("expression", "result"),
    [("n + 1", "int"), ("n > 1", "bool"), ("'a'", "string"), ("quantity('1')", "kubernetes.Quantity"), ("d.x", "dyn")],
)
def test_results(expression: str, result: str) -> None:
    assert compile(expression, {"n": "int", "d": "dyn"}).result == result


@pytest.mark.parametrize(
    ("expression", "uses"),
    [("self == oldSelf", True), ("self.oldSelf == 'oldSelf'", False), ("oldSelf.x && true", True), ("true", False)],
)
def test_uses(expression: str, uses: bool) -> None:
    assert compile(expression, {"self": "dyn", "oldSelf": "dyn"}).uses("oldSelf") is uses


def test_the_authorizer_asks() -> None:
    asked: list[Question] = []

    def answer(question: Question) -> tuple[bool, str]:
        asked.append(question)
        return question.verb == "get", "because"

    source = "authorizer.group('apps').resource('deployments').namespace('x').check('{}').allowed()"
    for verb, expected in (("get", True), ("delete", False)):
        program = compile(source.format(verb), {"authorizer": "authorizer"})
        assert program.evaluate({"authorizer": authorizer()}, answer) is expected
    assert asked[0] == Question("get", "apps", "deployments", namespace="x")
    reason = compile(
        "authorizer.serviceAccount('a', 'b').path('/x').check('get').reason()", {"authorizer": "authorizer"}
    )
    assert reason.evaluate({"authorizer": authorizer()}, answer) == "because"
    assert asked[-1] == Question("get", path="/x", service_account=("a", "b"))
    with pytest.raises(EvaluationError, match="no authorizer"):
        reason.evaluate({"authorizer": authorizer()})


def test_every_library_loads() -> None:
    assert len(functions()) > 80


def test_the_runtime_is_imported_late() -> None:
    code = "import sys, minikctl.api.cel; print([m for m in sys.modules if m.startswith(('cel_expr', 'google'))])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
