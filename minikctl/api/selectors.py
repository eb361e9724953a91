"""Label and field selectors: parsing with the API server's error texts, and matching.

Source: apimachinery `labels` and `fields`; KEP-free, unchanged since v1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from minikctl.api.errors import field_invalid
from minikctl.api.meta import Obj
from minikctl.api.names import label_value, qualified_name
from minikctl.util.jsonio import go_json


class SelectorError(ValueError):
    """The text is no selector; the message is the API server's."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term. `operator` is one of in, notin, =, !=, exists, !, gt, lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "in" | "=":
                return value is not None and value in self.values
            case "notin" | "!=":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
        try:
            number, bound = int(value or ""), int(self.values[0])
        except ValueError:
            return False
        return number > bound if self.operator == "gt" else number < bound

    def __str__(self) -> str:
        match self.operator:
            case "exists":
                return self.key
            case "!":
                return f"!{self.key}"
            case "in" | "notin":
                return f"{self.key} {self.operator} ({','.join(sorted(self.values))})"
            case "gt" | "lt":
                return f"{self.key}{'>' if self.operator == 'gt' else '<'}{self.values[0]}"
        return f"{self.key}{self.operator}{self.values[0]}"


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements must hold; none at all matches everything. `nothing` matches no object."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def matches(self, labels: Mapping[str, str]) -> bool:
        if self.nothing:
            return False
        for requirement in self.requirements:  # a plain loop: this is the hot path of every controller
            if not requirement.matches(labels):
                return False
        return True

    def __bool__(self) -> bool:
        return bool(self.requirements) or self.nothing

    def __str__(self) -> str:
        return ",".join(str(r) for r in self.requirements)


EVERYTHING = Selector()
NOTHING = Selector(nothing=True)

_TOKEN = re.compile(r"\s*(==|!=|[=!,()<>]|[^\s=!,()<>]+)")
_END = ""
_IDENTIFIER = "identifier"
_OPERATORS = "in, notin, =, ==, !=, gt, lt"


class _Parser:
    """A recursive descent over the tokens; `in` and `notin` are words or operators depending on where they stand."""

    def __init__(self, text: str):
        self.tokens = [m[1] for m in _TOKEN.finditer(text)]
        self.position = 0

    def peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else _END

    def take(self) -> str:
        token = self.peek()
        self.position += 1
        return token

    @staticmethod
    def is_word(token: str) -> bool:
        return token != _END and token[0] not in "=!,()<>"

    def parse(self) -> list[Requirement]:
        found: list[Requirement] = []
        while True:
            token = self.peek()
            if token == _END:
                return found
            if not (self.is_word(token) or token == "!"):
                raise SelectorError(f"found '{token}', expected: !, identifier, or 'end of string'")
            try:
                found.append(self.requirement())
            except SelectorError as e:
                raise SelectorError(f"unable to parse requirement: {e}") from None
            token = self.take()
            if token == _END:
                return found
            if token != ",":
                raise SelectorError(f"found '{token}', expected: ',' or 'end of string'")
            token = self.peek()
            if not (self.is_word(token) or token == "!"):
                raise SelectorError(f"found '{token}', expected: identifier after ','")

    def requirement(self) -> Requirement:
        absent = self.peek() == "!"
        if absent:
            self.take()
        key = self.take()
        if not self.is_word(key):
            raise SelectorError(f"found '{key}', expected: identifier")
        if self.peek() in (_END, ","):
            return _checked(key, "!" if absent else "exists", [])
        if absent:
            return _checked(key, "!", [])
        operator = self.take()
        if operator in ("in", "notin"):
            return _checked(key, operator, self.value_list())
        if operator not in ("=", "==", "!=", "<", ">"):
            raise SelectorError(f"found '{operator}', expected: {_OPERATORS}")
        operator = {"==": "=", "<": "lt", ">": "gt"}.get(operator, operator)
        if self.peek() in (_END, ","):
            return _checked(key, operator, [""])
        value = self.take()
        if not self.is_word(value):
            raise SelectorError(f"found '{value}', expected: identifier")
        return _checked(key, operator, [value])

    def value_list(self) -> list[str]:
        token = self.take()
        if token != "(":
            raise SelectorError(f"found '{token}' expected: '('")
        values: list[str] = []
        expect_value = True
        while True:
            token = self.take()
            if token == ")":
                return [*values, ""] if expect_value and values else values
            if token == ",":
                if expect_value:
                    values.append("")
                expect_value = True
            elif self.is_word(token):
                if not expect_value:
                    raise SelectorError(f"found '{token}', expected: ',' or ')'")
                values.append(token)
                expect_value = False
            else:
                raise SelectorError(f"found '{token}', expected: ',', ')' or identifier")


def _checked(key: str, operator: str, values: list[str]) -> Requirement:
    for message in qualified_name(key):
        raise SelectorError(str(field_invalid("key", key, message)))
    if operator in ("in", "notin") and not values:
        raise SelectorError("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty")
    for i, value in enumerate(values):
        if operator in ("gt", "lt") and not re.fullmatch("[-+]?[0-9]+", value):
            raise SelectorError(
                f"values[{i}]: Invalid value: {go_json(value)}: for 'Gt', 'Lt' operators, the value must be an integer"
            )
        for message in label_value(value):
            raise SelectorError(str(field_invalid(f"values[{i}][{key}]", value, message)))
    return Requirement(key, operator, tuple(values))


def parse_label_selector(text: str) -> Selector:
    """`app=web,tier in (a,b),!old`. Raises SelectorError."""
    if not text or not text.strip():
        return EVERYTHING
    return Selector(tuple(sorted(_Parser(text).parse(), key=lambda r: r.key)))


_EXPRESSION = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!", "Gt": "gt", "Lt": "lt"}


def from_label_selector(selector: Obj | None) -> Selector:
    """A metav1.LabelSelector object; None selects nothing, `{}` everything. Raises SelectorError."""
    if selector is None:
        return NOTHING
    terms = [Requirement(k, "=", (v,)) for k, v in sorted((selector.get("matchLabels") or {}).items())]
    for expression in selector.get("matchExpressions") or []:
        operator = _EXPRESSION.get(expression.get("operator", ""))
        if operator is None:
            raise SelectorError(f'"{expression.get("operator", "")}" is not a valid label selector operator')
        terms.append(Requirement(expression.get("key", ""), operator, tuple(expression.get("values") or ())))
    return Selector(tuple(terms))


def to_label_selector(text: str) -> Obj:
    """`app=web,tier in (a,b)` as a metav1.LabelSelector object. Raises SelectorError for what it cannot say."""
    try:
        terms = _Parser(text).parse() if text.strip() else []
    except SelectorError as e:
        raise SelectorError(f'couldn\'t parse the selector string "{text}": {e}') from None
    words = {word: name for name, word in _EXPRESSION.items()}
    labels: dict[str, str] = {}
    expressions: list[Obj] = []
    for term in terms:
        if term.operator == "=":
            labels[term.key] = term.values[0]
        elif term.operator in ("gt", "lt"):
            raise SelectorError(f'"{term.operator}" isn\'t supported in label selectors')
        elif term.operator not in words:
            raise SelectorError(f'"{term.operator}" is not a valid label selector operator')
        else:
            expression = {"key": term.key, "operator": words[term.operator], "values": sorted(term.values)}
            expressions.append({k: v for k, v in expression.items() if v})
    selector = {"matchLabels": labels, "matchExpressions": expressions}
    return {k: v for k, v in selector.items() if v}


def from_labels(labels: Mapping[str, str] | None) -> Selector:
    """A plain map, as in Service.spec.selector."""
    return Selector(tuple(Requirement(k, "=", (v,)) for k, v in sorted((labels or {}).items())))


def format_label_selector(selector: Obj | None) -> str:
    """As kubectl prints a metav1.LabelSelector: `app=web,tier in (a,b)`, `<none>` when it is empty."""
    if not selector:
        return "<none>"
    try:
        return str(from_label_selector(selector)) or "<none>"
    except SelectorError:
        return "<error>"


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """(field, wanted, equal) terms that must all hold."""

    terms: tuple[tuple[str, str, bool], ...] = ()

    def matches(self, fields: Mapping[str, str]) -> bool:
        return all((fields.get(field, "") == wanted) == equal for field, wanted, equal in self.terms)

    def exact(self, field: str) -> str | None:
        """The value that `field` must have, when the selector says so."""
        return next((wanted for f, wanted, equal in self.terms if f == field and equal), None)

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __str__(self) -> str:
        return ",".join(f"{f}{'=' if e else '!='}{w}" for f, w, e in self.terms)


_FIELD_TERM = re.compile(r"^((?:[^=!\\]|\\.)*)(==|!=|=)((?:[^\\]|\\.)*)$")


def parse_field_selector(text: str, stored: Callable[[str], str] | None = None) -> FieldSelector:
    """`status.phase=Running,metadata.name!=x`. `stored` gives a field's own name, and raises for unknown ones."""
    terms = []
    for part in re.split(r"(?<!\\),", text) if text else []:
        if not part:
            continue
        m = _FIELD_TERM.match(part)
        if not m:
            raise SelectorError(f"invalid selector: '{text}'; can't understand '{part}'")
        field = stored(m[1]) if stored else m[1]
        terms.append((field, re.sub(r"\\([\\,=])", r"\1", m[3]), m[2] != "!="))
    return FieldSelector(tuple(terms))
