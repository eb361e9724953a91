"""Carrying templates out.

Go tells apart a value that was taken out of a map or list (an interface) from the concrete value inside it; its error
texts show that, so `Value.boxed` remembers it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minikctl.kubectl.gotemplate.errors import TemplateError
from minikctl.kubectl.gotemplate.functions import FUNCTIONS, MISSING, CallError, printable, truth
from minikctl.kubectl.gotemplate.nodes import (
    ActionNode,
    BranchNode,
    ChainNode,
    CommandNode,
    FieldNode,
    IdentifierNode,
    ListNode,
    Literal,
    Node,
    PipeNode,
    TemplateNode,
    TextNode,
    VariableNode,
    WordNode,
)
from minikctl.util import go_format
from minikctl.util.go_format import Int, quote
from minikctl.util.go_format import type_name as go_type

MAX_DEPTH = 100
"""How deep templates may call each other (Go allows 100,000, Python's own stack does not)."""


@dataclass(slots=True)
class Value:
    """Data, and whether it is still wrapped as an interface."""

    data: Any
    boxed: bool = False

    @property
    def type(self) -> str:
        return "interface {}" if self.boxed else go_type(self.data)


ABSENT = Value(MISSING)


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Template:
    """A parsed template and those it defines."""

    def __init__(self, name: str, trees: dict[str, tuple[str, ListNode]]):
        self.name, self.trees = name, trees

    def execute(self, data: Any, write: Callable[[str], object], *, missing_is_error: bool = False) -> None:
        """Carry it out on `data`, writing piece by piece. Raises TemplateError; what was written before stays."""
        try:
            _State(self, self.name, write, missing_is_error).run(Value(data))
        except RecursionError:
            raise TemplateError(f"template: {self.name}: exceeded maximum template depth ({MAX_DEPTH})") from None


class _State:
    def __init__(
        self, template: Template, name: str, write: Callable[[str], object], missing_is_error: bool, depth: int = 0
    ):
        self.template, self.name, self.write = template, name, write
        self.missing_is_error, self.depth = missing_is_error, depth
        self.text, self.root = template.trees[name]
        self.variables: list[tuple[str, Value]] = []
        self.node: Node | None = None

    def run(self, dot: Value) -> None:
        self.variables = [("$", dot)]
        self.walk(dot, self.root)

    def error(self, message: str) -> TemplateError:
        if self.node is None:
            return TemplateError(f"template: {self.name}: {message}")
        before = self.text[: self.node.position].encode()
        column = len(before) - (before.rfind(b"\n") + 1)
        where = f"{self.template.name}:{1 + before.count(10)}:{column}"
        return TemplateError(f"template: {where}: executing {quote(self.name)} at <{self.node}>: {message}")

    # ------------------------------------------------------------------ walking

    def walk(self, dot: Value, node: Node) -> None:
        self.node = node
        match node:
            case TextNode():
                self.write(node.text)
            case ListNode():
                for inner in node.nodes:
                    self.walk(dot, inner)
            case ActionNode():
                value = self.pipeline(dot, node.pipe)
                if not node.pipe.variables:
                    self.node = node
                    self.write(go_format.sprint(printable(value.data)))
            case BranchNode(kind="range"):
                self.walk_range(dot, node)
            case BranchNode():
                self.walk_branch(dot, node)
            case TemplateNode():
                self.walk_template(dot, node)
            case WordNode():
                raise _Break if node.word == "break" else _Continue

    def walk_branch(self, dot: Value, node: BranchNode) -> None:
        mark = len(self.variables)
        value = self.pipeline(dot, node.pipe)
        if truth(value.data):
            self.walk(value if node.kind == "with" else dot, node.body)
        elif node.otherwise is not None:
            self.walk(dot, node.otherwise)
        del self.variables[mark:]

    def walk_range(self, dot: Value, node: BranchNode) -> None:
        mark = len(self.variables)
        data = self.pipeline(dot, node.pipe).data
        try:
            if not self.iterate(node, data) and node.otherwise is not None:
                self.walk(dot, node.otherwise)
        except _Break:
            pass
        del self.variables[mark:]

    def iterate(self, node: BranchNode, data: Any) -> bool:
        """Whether there was anything to go over."""
        mark = len(self.variables)
        if isinstance(data, list):
            for i, item in enumerate(data):
                self.iteration(node, mark, Value(Int(i)), Value(item, True))
        elif isinstance(data, dict):
            for key in sorted(data):
                self.iteration(node, mark, Value(key), Value(data[key], True))
        elif isinstance(data, int) and not isinstance(data, bool):
            if len(node.pipe.variables) > 1:
                raise self.error(f"can't use {data} to iterate over more than one variable")
            for i in range(data):
                self.iteration(node, mark, ABSENT, Value(type(data)(i)))
            return data > 0
        elif data is not MISSING and data is not None:
            raise self.error(f"range can't iterate over {go_format.sprint(data)}")
        return bool(data)

    def iteration(self, node: BranchNode, mark: int, index: Value, item: Value) -> None:
        names = node.pipe.variables
        values = [index, item] if len(names) > 1 else [item]
        for i, variable in enumerate(names):
            if node.pipe.assigns:
                self.assign(variable, values[i])
            else:
                self.variables[mark - len(names) + i] = (variable.names[0], values[i])
        try:
            self.walk(item, node.body)
        except _Continue:
            pass
        finally:
            del self.variables[mark:]

    def walk_template(self, dot: Value, node: TemplateNode) -> None:
        if node.name not in self.template.trees:
            raise self.error(f"template {quote(node.name)} not defined")
        if self.depth >= MAX_DEPTH:
            raise self.error(f"exceeded maximum template depth ({MAX_DEPTH})")
        inner = self.pipeline(dot, node.pipe) if node.pipe is not None else ABSENT
        _State(self.template, node.name, self.write, self.missing_is_error, self.depth + 1).run(inner)

    # ------------------------------------------------------------------ pipelines

    def pipeline(self, dot: Value, pipe: PipeNode) -> Value:
        self.node = pipe
        value: Value | None = None
        for command in pipe.commands:
            value = self.command(dot, command, value)
            if value.boxed:
                value = ABSENT if value.data is None else Value(value.data)
        assert value is not None, "the parser refuses pipelines without commands"
        for variable in pipe.variables:
            if pipe.assigns:
                self.assign(variable, value)
            else:
                self.variables.append((variable.names[0], value))
        return value

    def assign(self, variable: VariableNode, value: Value) -> None:
        for i in range(len(self.variables) - 1, -1, -1):
            if self.variables[i][0] == variable.names[0]:
                self.variables[i] = (variable.names[0], value)
                return
        raise self.error(f"undefined variable: {variable.names[0]}")

    def variable(self, name: str) -> Value:
        for known, value in reversed(self.variables):
            if known == name:
                return value
        raise self.error(f"undefined variable: {name}")

    def command(self, dot: Value, command: CommandNode, final: Value | None) -> Value:
        first, args = command.args[0], command.args
        match first:
            case FieldNode():
                return self.fields(dot, first, args, final)
            case ChainNode():
                return self.chain(dot, first, args, final)
            case IdentifierNode():
                return self.function(dot, first, command, args, final)
            case PipeNode():
                self.no_function(args, final)
                return self.pipeline(dot, first)
            case VariableNode():
                return self.variable_fields(dot, first, args, final)
        self.node = first
        self.no_function(args, final)
        assert isinstance(first, Literal)
        if first.kind == "nil":
            raise self.error("nil is not a command")
        return dot if first.kind == "dot" else Value(first.value)

    def no_function(self, args: list[Node], final: Value | None) -> None:
        if len(args) > 1 or final is not None:
            raise self.error(f"can't give argument to non-function {args[0]}")

    # ------------------------------------------------------------------ fields

    def fields(self, dot: Value, node: FieldNode, args: list[Node], final: Value | None) -> Value:
        self.node = node
        return self.follow(dot, node.names, args, final)

    def chain(self, dot: Value, node: ChainNode, args: list[Node], final: Value | None) -> Value:
        self.node = node
        if isinstance(node.node, Literal) and node.node.kind == "nil":
            raise self.error(f"indirection through explicit nil in {node}")
        return self.follow(self.argument(dot, "", node.node), node.names, args, final)

    def variable_fields(self, _dot: Value, node: VariableNode, args: list[Node], final: Value | None) -> Value:
        self.node = node
        value = self.variable(node.names[0])
        if len(node.names) == 1:
            if args:
                self.no_function(args, final)
            return value
        return self.follow(value, node.names[1:], args, final)

    def follow(self, value: Value, names: list[str], args: list[Node], final: Value | None) -> Value:
        for name in names[:-1]:
            value = self.field(value, name, False)
        return self.field(value, names[-1], len(args) > 1 or final is not None)

    def field(self, value: Value, name: str, has_args: bool) -> Value:
        data = value.data
        if data is MISSING:
            if self.missing_is_error:
                raise self.error(f"nil data; no entry for key {quote(name)}")
            return ABSENT
        if data is None:
            raise self.error(f"nil pointer evaluating {value.type}.{name}")
        if not isinstance(data, dict):
            raise self.error(f"can't evaluate field {name} in type {value.type}")
        if has_args:
            raise self.error(f"{name} is not a method but has arguments")
        if name in data:
            return Value(data[name], True)
        if self.missing_is_error:
            raise self.error(f"map has no entry for key {quote(name)}")
        return ABSENT

    # ------------------------------------------------------------------ calls

    def function(
        self, dot: Value, node: IdentifierNode, command: Node, args: list[Node] | None, final: Value | None
    ) -> Value:
        self.node = node
        name, function = node.name, FUNCTIONS[node.name]
        given = (args or [node])[1:]
        count, fixed = len(given) + (final is not None), len(function.parameters)
        if function.rest and count < fixed:
            raise self.error(f"wrong number of args for {name}: want at least {fixed} got {len(given)}")
        if not function.rest and count != fixed:
            raise self.error(f"wrong number of args for {name}: want {fixed} got {count}")
        if name in ("and", "or"):
            return self.short_circuit(dot, name, given, final)
        types = (*function.parameters, *[function.rest] * (count - fixed))
        values = [self.argument(dot, types[i], n) for i, n in enumerate(given)]
        if final is not None:
            values.append(self.checked(final, types[-1]))
        if name == "call":
            self.node = command
            raise self.error(_no_call(given, final, values[0]))
        try:
            result = function.call(*[v.data for v in values])
        except CallError as e:
            self.node = command
            raise self.error(f"error calling {name}: {e}") from None
        return Value(result, name == "index" and len(values) > 1)

    def short_circuit(self, dot: Value, name: str, given: list[Node], final: Value | None) -> Value:
        value = ABSENT
        for node in given:
            value = self.argument(dot, "value", node)
            if truth(value.data) == (name == "or"):
                return value
        return self.checked(final, "value") if final is not None else value

    def argument(self, dot: Value, wanted: str, node: Node) -> Value:
        """An argument for a parameter of the type `wanted` (`""`: any at all)."""
        self.node = node
        match node:
            case Literal(kind="dot"):
                return self.checked(dot, wanted)
            case Literal(kind="nil"):
                if wanted == "string":
                    raise self.error("cannot assign nil to string")
                return Value(None, True) if wanted == "any" else ABSENT
            case FieldNode():
                return self.checked(self.fields(dot, node, [node], None), wanted)
            case VariableNode():
                return self.checked(self.variable_fields(dot, node, [], None), wanted)
            case PipeNode():
                return self.checked(self.pipeline(dot, node), wanted)
            case IdentifierNode():
                return self.checked(self.function(dot, node, node, None, None), wanted)
            case ChainNode():
                return self.checked(self.chain(dot, node, [], None), wanted)
        assert isinstance(node, Literal)
        if wanted == "string" and node.kind != "string":
            raise self.error(f"expected string; found {node}")
        return Value(node.value)

    def checked(self, value: Value, wanted: str) -> Value:
        """Raises TemplateError when the value does not fit the parameter."""
        if value.data is MISSING:
            if wanted == "string":
                raise self.error("invalid value; expected string")
            return Value(None, True) if wanted == "any" else value
        if wanted == "string" and not isinstance(value.data, str):
            shown = "interface {}" if value.data is None else go_type(value.data)
            raise self.error(f"wrong type for value; expected string; got {shown}")
        return value


def _no_call(given: list[Node], final: Value | None, value: Value) -> str:
    """JSON holds no functions."""
    if value.data is MISSING or value.data is None:
        return "error calling call: call of nil"
    name = str(given[0]) if given else go_format.sprint(final.data if final else None)
    return f"error calling call: non-function {name} of type {go_type(value.data)}"
