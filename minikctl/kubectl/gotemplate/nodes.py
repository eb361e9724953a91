"""The tree of a template. `str(node)` is its source in Go's normal form, as error messages quote it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from minikctl.util.go_format import quote


@dataclass(slots=True)
class Node:
    """Where in the template's text it stands."""

    position: int


@dataclass(slots=True)
class ListNode(Node):
    nodes: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return "".join(map(str, self.nodes))


@dataclass(slots=True)
class TextNode(Node):
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True)
class Literal(Node):
    """A number, a string, a boolean, `nil` or the dot. kind: number, string, bool, nil, dot."""

    kind: str
    text: str
    value: Any = None

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True)
class FieldNode(Node):
    """`.a.b`"""

    names: list[str]

    def __str__(self) -> str:
        return "".join(f".{n}" for n in self.names)


@dataclass(slots=True)
class VariableNode(Node):
    """`$x.a.b`; the first name has the dollar."""

    names: list[str]

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(slots=True)
class IdentifierNode(Node):
    """A function's name."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(slots=True)
class CommandNode(Node):
    """An operand, or a function and its arguments."""

    args: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return " ".join(f"({a})" if isinstance(a, PipeNode) else str(a) for a in self.args)


@dataclass(slots=True)
class PipeNode(Node):
    """Commands whose results flow on, and the variables that get the last one."""

    line: int
    variables: list[VariableNode] = field(default_factory=list)
    assigns: bool = False
    commands: list[CommandNode] = field(default_factory=list)

    def __str__(self) -> str:
        head = ", ".join(map(str, self.variables))
        head += (" = " if self.assigns else " := ") if self.variables else ""
        return head + " | ".join(map(str, self.commands))


@dataclass(slots=True)
class ChainNode(Node):
    """`(pipeline).a.b`"""

    node: Node
    names: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        inner = f"({self.node})" if isinstance(self.node, PipeNode) else str(self.node)
        return inner + "".join(f".{n}" for n in self.names)


@dataclass(slots=True)
class ActionNode(Node):
    pipe: PipeNode

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


@dataclass(slots=True)
class BranchNode(Node):
    """`if`, `range` or `with`, as `kind` says."""

    kind: str
    pipe: PipeNode
    body: ListNode
    otherwise: ListNode | None = None

    def __str__(self) -> str:
        other = f"{{{{else}}}}{self.otherwise}" if self.otherwise is not None else ""
        return f"{{{{{self.kind} {self.pipe}}}}}{self.body}{other}{{{{end}}}}"


@dataclass(slots=True)
class WordNode(Node):
    """`else`, `end`, `break` or `continue`."""

    word: str

    def __str__(self) -> str:
        return f"{{{{{self.word}}}}}"


@dataclass(slots=True)
class TemplateNode(Node):
    name: str
    pipe: PipeNode | None = None

    def __str__(self) -> str:
        rest = f" {self.pipe}" if self.pipe is not None else ""
        return f"{{{{template {quote(self.name)}{rest}}}}}"
