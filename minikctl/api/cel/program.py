"""Expressions: checked once, evaluated often."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from minikctl.api.cel import functions
from minikctl.api.cel.library.authorizer import Authorize, answering

_CONFIG = """name: kubernetes
extensions:
  - name: strings
    version: 2
  - name: lists
  - name: sets
  - name: optional
  - name: two-var-comprehensions
"""
"""What Kubernetes 1.36 takes from the standard extensions."""
_CHECKER_CONFIG = f"""{_CONFIG}stdlib:
  exclude_functions:
    - name: string
"""
_STRINGS = re.compile(r"""r?(\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""", re.S)
_WORDS = (
    (re.compile(r"^Key not found in map : \"?(.*?)\"?$", re.S), r"no such key: \1"),
    (re.compile(r"^Index error: index=(-?\d+).*$"), r"index out of bounds: \1"),
    (re.compile(r"^No matching overloads found.*$", re.S), "no such overload"),
    (re.compile(r"^divide by zero$"), "division by zero"),
    (re.compile(r"^modulus by zero$"), "modulus by zero"),
    (re.compile(r"^Iteration budget exceeded.*$", re.S), "operation cancelled: actual cost limit exceeded"),
)
"""The runtime's errors in cel-go's words."""
_CODE = re.compile(r"^[A-Z_]+: ")


_RANGE = re.compile(r"\blists\s*\.\s*range\s*\((?:\s*(\d+)\s*\))?")
LONGEST_RANGE = 10_000


class CompileError(Exception):
    """The expression is no CEL, or does not fit its variables. The text has a line for every problem."""


class EvaluationError(Exception):
    """The expression has no value for these bindings: a missing key, a division by zero."""


class Program:
    """A checked expression. Immutable; threads may share it."""

    def __init__(self, expression: str, result: str, runnable: Any):
        self.expression = expression
        self.result = result
        """`bool`, `int`, `string`, `dyn`, `list<dyn>`, `kubernetes.Quantity`, …"""
        self._runnable = runnable

    def uses(self, name: str) -> bool:
        """Whether the expression mentions a variable."""
        return re.search(rf"(?<![\w.]){re.escape(name)}\b", _STRINGS.sub("''", self.expression)) is not None

    def evaluate(self, bindings: Mapping[str, Any], authorize: Authorize | None = None) -> Any:
        """The value, as plain data. `authorize` answers what the variable `authorizer` is asked. Raises EvaluationError."""
        token = answering.set(authorize)
        try:
            value = self._runnable.eval(data=dict(bindings))
        except RuntimeError as e:  # what has no CEL value at all
            raise EvaluationError(_in_words(str(e))) from None
        finally:
            answering.reset(token)
        if str(value.type()) == "ERROR":
            raise EvaluationError(_in_words(str(value.value())))
        try:
            return value.plain_value()
        except TypeError:  # an optional, which no plain data stands for
            raise EvaluationError(f"{value.type()} has no plain value") from None


def compile(expression: str, variables: Mapping[str, Any]) -> Program:  # noqa: A001
    """Check an expression. `variables`: name → type (see the package). Raises CompileError."""
    return _compile(expression, tuple(sorted(variables.items())))


@lru_cache(maxsize=512)
def _compile(expression: str, variables: tuple[tuple[str, Any], ...]) -> Program:
    _check_ranges(expression)
    checker, runtime = _checker(variables), _runtime(tuple(name for name, _ in variables))
    try:
        checked = checker.compile(expression)
        return Program(expression, _name(checked.return_type()), runtime.deserialize(checked.serialize()))
    except RuntimeError as e:
        raise CompileError(_checker_words(str(e))) from None


def _check_ranges(expression: str) -> None:
    """`lists.range` makes its list at once, however long: only short ones are let through. Raises CompileError."""
    for found in _RANGE.finditer(_STRINGS.sub("''", expression)):
        if not found[1] or int(found[1]) > LONGEST_RANGE:
            raise CompileError(f"ERROR: lists.range needs a number up to {LONGEST_RANGE} in its place")


@lru_cache(maxsize=64)
def _checker(variables: tuple[tuple[str, Any], ...]) -> Any:
    from cel_expr_python.cel import CelExtension, NewEnv, NewEnvConfigFromYaml, Type

    pool, types = None, {}
    for name, type_ in variables:
        if isinstance(type_, str):
            types[name] = functions.to_type(type_, opaque=True)
        else:
            pool, types[name] = type_.pool, Type(type_.name)
    new, more = functions.declarations()
    config = NewEnvConfigFromYaml(_CHECKER_CONFIG)
    extensions = [CelExtension("kubernetes", more)]
    return NewEnv(descriptor_pool=pool, config=config, variables=types, functions=new, extensions=extensions)


@lru_cache(maxsize=64)
def _runtime(names: tuple[str, ...]) -> Any:
    from cel_expr_python.cel import CelExtension, NewEnv, NewEnvConfigFromYaml, Type

    library = CelExtension("kubernetes", functions.implementations())
    config = NewEnvConfigFromYaml(_CONFIG)
    return NewEnv(config=config, variables=dict.fromkeys(names, Type.DYN), extensions=[library])


def _name(type_: Any) -> str:
    name = str(type_.name())
    return name.lower() if name.isupper() or "<" in name else name


def _checker_words(text: str) -> str:
    """Without the status code around it, and in cel-go's words."""
    text = re.sub(r"^[A-Z_]+: (?=ERROR|[a-zN])", "", text)
    text = re.sub(r" \[[A-Z_]+\]$", "", text)
    return re.sub(r"(undefined field '[^']*') not found in struct '[^']*'", r"\1", text)


def _in_words(text: str) -> str:
    text = _CODE.sub("", text)
    for pattern, words in _WORDS:
        text, changed = pattern.subn(words, text)
        if changed:
            break
    return text
