"""Tokens into trees."""

from __future__ import annotations

import re

from minikctl.kubectl.gotemplate.errors import TemplateError
from minikctl.kubectl.gotemplate.functions import FUNCTIONS
from minikctl.kubectl.gotemplate.lexer import Token, tokens
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
from minikctl.util.go_format import Int, quote, unquote

_OPERANDS = frozenset(
    ("bool", "charconstant", "field", "identifier", "number", "rawstring", "string", "variable", "open")
)


def parse_all(name: str, text: str) -> dict[str, tuple[str, ListNode]]:
    """Every template that the text defines, itself first: name → (the text it stands in, tree). Raises TemplateError."""
    parser = _Parser(name, text)
    parser.templates[name] = (text, ListNode(0))
    root = parser.parse()
    parser.templates[name] = (text, root)
    return parser.templates


class _Parser:
    def __init__(self, name: str, text: str):
        self.name, self.text = name, text
        self.stream = tokens(text)
        self.ahead: list[Token] = []
        self.last = Token("eof", "", 0, 1)
        self.action_line = 0
        self.variables = ["$"]
        self.range_depth = 0
        self.templates: dict[str, tuple[str, ListNode]] = {}

    # ------------------------------------------------------------------ tokens

    def next(self) -> Token:
        if self.ahead:
            self.last = self.ahead.pop()
        else:
            self.last = next(self.stream, Token("eof", "", len(self.text), self.last.line))
        return self.last

    def back(self, *given: Token) -> None:
        self.ahead += reversed(given)

    def peek(self) -> Token:
        token = self.next()
        self.back(token)
        return token

    def next_solid(self) -> Token:
        token = self.next()
        while token.kind == "space":
            token = self.next()
        return token

    def peek_solid(self) -> Token:
        token = self.next_solid()
        self.back(token)
        return token

    def error(self, message: str) -> TemplateError:
        return TemplateError(f"template: {self.name}:{self.last.line}: {message}")

    def unexpected(self, token: Token, context: str) -> TemplateError:
        if token.kind != "error":
            return self.error(f"unexpected {token} in {context}")
        extra = ""
        if self.action_line and self.action_line != token.line:
            extra = f" in action started at {self.name}:{self.action_line}"
            extra = extra.removeprefix(" in action") if token.value.endswith(" action") else extra
        return self.error(f"{token}{extra}")

    def expect(self, kind: str, context: str) -> Token:
        token = self.next_solid()
        if token.kind != kind:
            raise self.unexpected(token, context)
        return token

    # ------------------------------------------------------------------ lists and actions

    def parse(self) -> ListNode:
        root = ListNode(0)
        while self.peek().kind != "eof":
            if self.peek().kind == "left":
                left = self.next()
                word = self.next_solid()
                if word.is_keyword("define"):
                    self.definition()
                    continue
                self.back(left, word)
            node = self.text_or_action()
            if isinstance(node, WordNode) and node.word in ("else", "end"):
                raise self.error(f"unexpected {node}")
            root.nodes.append(node)
        return root

    def definition(self) -> None:
        name = self.template_name(self.next_solid(), "define clause")
        self.expect("right", "define clause")
        outer, self.variables = self.variables, ["$"]
        body, end = self.items()
        self.variables = outer
        if end.word != "end":
            raise self.error(f"unexpected {end} in define clause")
        self.add(name, body)

    def add(self, name: str, body: ListNode) -> None:
        known = self.templates.get(name)
        if known is None or _is_empty(known[1]):
            self.templates[name] = (self.text, body)
        elif not _is_empty(body):
            raise self.error(f"template: multiple definition of template {quote(name)}")

    def items(self) -> tuple[ListNode, WordNode]:
        body = ListNode(self.peek_solid().position)
        while self.peek_solid().kind != "eof":
            node = self.text_or_action()
            if isinstance(node, WordNode) and node.word in ("else", "end"):
                return body, node
            body.nodes.append(node)
        raise self.error("unexpected EOF")

    def text_or_action(self) -> Node:
        token = self.next_solid()
        if token.kind == "text":
            return TextNode(token.position, token.value)
        if token.kind != "left":
            raise self.unexpected(token, "input")
        self.action_line = token.line
        node = self.action()
        self.action_line = 0
        return node

    def action(self) -> Node:
        token = self.next_solid()
        if token.kind == "keyword":
            match token.value:
                case "block":
                    return self.block()
                case "break" | "continue":
                    return self.loop_word(token)
                case "else":
                    return self.else_word()
                case "end":
                    return WordNode(self.expect("right", "end").position, "end")
                case "if" | "range" | "with":
                    return self.branch(token.value)
                case "template":
                    return self.template()
        self.back(token)
        return ActionNode(self.peek().position, self.pipeline("command", "right"))

    def loop_word(self, word: Token) -> Node:
        token = self.next_solid()
        if token.kind != "right":
            raise self.unexpected(token, f"{{{{{word.value}}}}}")
        if not self.range_depth:
            raise self.error(f"{{{{{word.value}}}}} outside {{{{range}}}}")
        return WordNode(word.position, word.value)

    def else_word(self) -> Node:
        token = self.peek_solid()
        if token.is_keyword("if", "with"):
            return WordNode(token.position, "else")
        return WordNode(self.expect("right", "else").position, "else")

    def branch(self, kind: str) -> Node:
        known = len(self.variables)
        position = self.last.position
        pipe = self.pipeline(kind, "right")
        self.range_depth += kind == "range"
        body, end = self.items()
        self.range_depth -= kind == "range"
        otherwise = None
        if end.word == "else":
            if kind in ("if", "with") and self.peek().is_keyword(kind):
                self.next()
                otherwise = ListNode(end.position, [self.branch(kind)])
            else:
                otherwise, end = self.items()
                if end.word != "end":
                    raise self.error(f"expected end; found {end}")
        del self.variables[known:]
        return BranchNode(position, kind, pipe, body, otherwise)

    def template_name(self, token: Token, context: str) -> str:
        if token.kind not in ("string", "rawstring"):
            raise self.unexpected(token, context)
        return self.string(token)

    def template(self) -> Node:
        token = self.next_solid()
        name = self.template_name(token, "template clause")
        pipe = None
        after = self.next_solid()
        if after.kind != "right":
            self.back(after)
            pipe = self.pipeline("template clause", "right")
        return TemplateNode(token.position, name, pipe)

    def block(self) -> Node:
        token = self.next_solid()
        name = self.template_name(token, "block clause")
        pipe = self.pipeline("block clause", "right")
        outer, self.variables = self.variables, ["$"]
        body, end = self.items()
        self.variables = outer
        if end.word != "end":
            raise self.error(f"unexpected {end} in block clause")
        self.add(name, body)
        return TemplateNode(token.position, name, pipe)

    # ------------------------------------------------------------------ pipelines

    def pipeline(self, context: str, end: str) -> PipeNode:
        token = self.peek_solid()
        pipe = PipeNode(token.position, token.line)
        while self.declaration(pipe, context):
            pass
        while True:
            token = self.next_solid()
            if token.kind == end:
                self.check(pipe, context)
                return pipe
            if token.kind not in _OPERANDS and not token.is_keyword("nil", "."):
                raise self.unexpected(token, context)
            self.back(token)
            pipe.commands.append(self.command())

    def declaration(self, pipe: PipeNode, context: str) -> bool:
        """Read `$x :=`, `$x =` or `$x,`; true when another variable may follow."""
        variable = self.peek_solid()
        if variable.kind != "variable":
            return False
        self.next()
        after = self.next()
        solid = after
        while solid.kind == "space":
            solid = self.next()
        if solid.kind in ("assign", "declare"):
            pipe.assigns = solid.kind == "assign"
        elif not (solid.kind == "char" and solid.value == ","):
            self.back(solid)
            if after.kind == "space":
                self.back(after)
            self.back(variable)
            return False
        pipe.variables.append(VariableNode(variable.position, variable.value.split(".")))
        self.variables.append(variable.value)
        if solid.kind != "char":
            return False
        if context == "range" and len(pipe.variables) < 2:
            if self.peek_solid().kind not in ("variable", "right", "close"):
                raise self.error("range can only initialize variables")
            return True
        raise self.error(f"too many declarations in {context}")

    def check(self, pipe: PipeNode, context: str) -> None:
        if not pipe.commands:
            raise self.error(f"missing value for {context}")
        for i, command in enumerate(pipe.commands[1:]):
            if isinstance(command.args[0], Literal):
                raise self.error(f"non executable command in pipeline stage {i + 2}")

    def command(self) -> CommandNode:
        command = CommandNode(self.peek_solid().position)
        while True:
            self.peek_solid()
            operand = self.operand()
            if operand is not None:
                command.args.append(operand)
            token = self.next()
            if token.kind == "space":
                continue
            if token.kind in ("right", "close"):
                self.back(token)
            elif token.kind != "pipe":
                raise self.unexpected(token, "operand")
            if not command.args:
                raise self.error("empty command")
            return command

    def operand(self) -> Node | None:
        node = self.term()
        if node is None or self.peek().kind != "field":
            return node
        position, names = self.peek().position, []
        while self.peek().kind == "field":
            names.append(self.next().value[1:])
        if isinstance(node, FieldNode):
            return FieldNode(position, [*node.names, *names])
        if isinstance(node, VariableNode):
            return VariableNode(position, [*node.names, *names])
        if isinstance(node, Literal):
            raise self.error(f"unexpected . after term {quote(str(node))}")
        return ChainNode(position, node, names)

    def term(self) -> Node | None:
        token = self.next_solid()
        match token.kind:
            case "identifier":
                if token.value not in FUNCTIONS:
                    raise self.error(f"function {quote(token.value)} not defined")
                return IdentifierNode(token.position, token.value)
            case "variable":
                if token.value not in self.variables:
                    raise self.error(f"undefined variable {quote(token.value)}")
                return VariableNode(token.position, [token.value])
            case "field":
                return FieldNode(token.position, [token.value[1:]])
            case "bool":
                return Literal(token.position, "bool", token.value, token.value == "true")
            case "number" | "charconstant":
                return Literal(token.position, "number", token.value, self.number(token))
            case "open":
                return self.pipeline("parenthesized pipeline", "close")
            case "string" | "rawstring":
                return Literal(token.position, "string", token.value, self.string(token))
        if token.is_keyword("nil", "."):
            return Literal(token.position, "nil" if token.value == "nil" else "dot", token.value)
        self.back(token)
        return None

    def string(self, token: Token) -> str:
        if token.kind == "rawstring":
            return token.value[1:-1].replace("\r", "")
        try:
            return unquote(token.value[1:-1], '"')
        except ValueError:
            raise self.error("invalid syntax") from None

    def number(self, token: Token) -> int | float:
        text = token.value
        if token.kind == "charconstant":
            try:
                char = unquote(text[1:-1], "'")
            except ValueError:
                char = ""
            if len(char) != 1:
                raise self.error(f"malformed character constant: {text}")
            return Int(ord(char))
        try:
            return go_number(text)
        except OverflowError:
            raise self.error(f"integer overflow: {quote(text)}") from None
        except ValueError:
            raise self.error(f"illegal number syntax: {quote(text)}") from None


def _is_empty(tree: ListNode) -> bool:
    return all(isinstance(n, TextNode) and not n.text.strip() for n in tree.nodes)


_OCTAL = re.compile(r"[+-]?0[0-7_]+")


def go_number(text: str) -> int | float:
    """A number as Go's templates read it. Raises ValueError, OverflowError."""
    try:
        value = int(text.replace("_", ""), 8) if _OCTAL.fullmatch(text) else int(text, 0)
    except ValueError:
        plain = text.replace("_", "")
        found = float.fromhex(plain) if "x" in plain.lower() else float(plain)
        if not any(c in text for c in ".eEpP"):
            raise OverflowError(text) from None
        return found
    if not -(2**63) <= value < 2**64:
        raise OverflowError(text)
    return Int(value)
