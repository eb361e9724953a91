"""How Kubernetes' functions are told to the CEL runtime.

The runtime knows no values of foreign types, but its checker knows foreign types. So an expression is checked with
`kubernetes.Quantity` and evaluated with maps that carry the type's name: `{"$type": "kubernetes.Quantity", …}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

TYPE = "$type"
OPAQUE = {
    "quantity": "kubernetes.Quantity",
    "url": "kubernetes.URL",
    "ip": "net.IP",
    "cidr": "net.CIDR",
    "semver": "kubernetes.Semver",
    "format": "kubernetes.NamedFormat",
    "authorizer": "kubernetes.authorization.Authorizer",
    "path_check": "kubernetes.authorization.PathCheck",
    "group_check": "kubernetes.authorization.GroupCheck",
    "resource_check": "kubernetes.authorization.ResourceCheck",
    "decision": "kubernetes.authorization.Decision",
}
"""Types of Kubernetes' own: their name here → their name in CEL."""
_ANY = ("bool", "int", "uint", "double", "string", "bytes", "list", "map", "timestamp", "duration")


@dataclass(frozen=True)
class Function:
    """One overload. `id` is cel-go's; `parameters` begin with the receiver when it is a member.

    `call` gets plain values (foreign ones as maps) and raises ValueError with the text of the error.
    """

    name: str
    id: str
    parameters: tuple[str, ...]
    result: str
    call: Callable[..., Any]
    member: bool = True


def value(type_name: str, **parts: Any) -> dict[str, Any]:
    """A value of a foreign type."""
    return {TYPE: OPAQUE[type_name], **parts}


_EXTENDED = ("indexOf", "lastIndexOf")
"""Functions of the standard extensions to which Kubernetes adds overloads."""
_STRING = tuple(
    Function("string", f"{id_}_to_string", (type_,), "string", str, member=False)
    for id_, type_ in {
        "string": "string", "bool": "bool", "bytes": "bytes", "double": "double", "duration": "duration",
        "int64": "int", "timestamp": "timestamp", "uint64": "uint",
    }.items()
)  # fmt: skip
"""The standard `string` function, for checking."""


@cache
def functions() -> tuple[Function, ...]:
    """Every function of the library folder. Raises ValueError when two have one id."""
    found: dict[str, Function] = {}
    for module in iter_modules([str(Path(__file__).parent / "library")]):
        for function in import_module(f"minikctl.api.cel.library.{module.name}").FUNCTIONS:
            if function.id in found:
                raise ValueError(f"two overloads are called {function.id}")
            found[function.id] = function
    return tuple(found.values())


def to_type(name: str, *, opaque: bool) -> Any:
    """The runtime's type. opaque: foreign types as such, for checking; else as the maps that carry them."""
    from cel_expr_python.cel import Type

    if name.startswith("list<"):
        return Type.List(to_type(name[5:-1], opaque=opaque)) if opaque else Type.LIST
    if name in OPAQUE:
        return Type.AbstractType(OPAQUE[name]) if opaque else Type.MAP
    if name.startswith("optional<"):
        return Type(f"optional_type<{name[9:-1]}>") if opaque else Type.DYN
    return getattr(Type, name.upper())


def declarations() -> tuple[list[Any], list[Any]]:
    """For checking: every overload with its types, without implementations. (new functions, more overloads of known)

    The runtime tells foreign types apart in new functions only, and takes more overloads of known ones only apart from
    them. `string` has both, so it is new here (`CONFIG` of the checker leaves it out).
    """
    from cel_expr_python.cel import FunctionDecl, Overload

    def overload(f: Function) -> Any:
        return Overload(
            f.id,
            return_type=to_type(f.result, opaque=True),
            parameters=[to_type(p, opaque=True) for p in f.parameters],
            is_member=f.member,
        )

    new: list[Any] = []
    more: list[Any] = []
    for name, group in _by_name((*functions(), *_STRING)):
        (more if name in _EXTENDED else new).append(FunctionDecl(name, [overload(f) for f in group]))
    return new, more


def implementations() -> list[Any]:
    """For evaluating: what differs in foreign types only is one overload, which looks at its arguments."""
    from cel_expr_python.cel import FunctionDecl, Overload, Type

    from minikctl.api.cel.library.formats import RUNTIME

    made = []
    for name, group in _by_name((*functions(), *RUNTIME)):
        shapes: dict[tuple[bool, tuple[str, ...]], list[Function]] = {}
        for f in group:
            for shape in _shapes(f):
                shapes.setdefault((f.member, shape), []).append(f)
        overloads = []
        for (member, shape), candidates in shapes.items():
            parameters = [to_type(p, opaque=False) for p in shape]
            id_ = candidates[0].id if len(_shapes(candidates[0])) == 1 else f"{candidates[0].id}_{'_'.join(shape)}"
            overloads.append(
                Overload(
                    id_,
                    return_type=Type.DYN,
                    parameters=parameters,
                    is_member=member,
                    impl=_dispatcher(name, candidates),
                )
            )
        made.append(FunctionDecl(name, overloads))
    return made


def _by_name(all_: Iterable[Function]) -> Iterable[tuple[str, list[Function]]]:
    groups: dict[str, list[Function]] = {}
    for f in all_:
        groups.setdefault(f.name, []).append(f)
    return groups.items()


def _shapes(f: Function) -> list[tuple[str, ...]]:
    """The kinds of values that the runtime has to tell apart; it never takes `dyn` for one."""
    kinds = [_kinds(p) for p in f.parameters]
    out: list[tuple[str, ...]] = [()]
    for options in kinds:
        out = [(*head, option) for head in out for option in options]
    return out


def _kinds(parameter: str) -> tuple[str, ...]:
    if parameter == "dyn":
        return _ANY
    if parameter.startswith("list<"):
        return ("list",)
    return ("map",) if parameter in OPAQUE else (parameter,)


def _dispatcher(name: str, candidates: list[Function]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        for f in candidates:
            if all(_fits(p, a) for p, a in zip(f.parameters, arguments)):
                return f.call(*arguments)
        raise ValueError("no such overload")

    return call


def _fits(parameter: str, argument: Any) -> bool:
    if parameter not in OPAQUE:
        return True
    return isinstance(argument, dict) and argument.get(TYPE) == OPAQUE[parameter]
