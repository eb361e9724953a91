"""The Common Expression Language as Kubernetes has it: for CustomResourceDefinitions and admission policies.

    program = compile("object.spec.replicas <= params.max", {"object": "dyn", "params": "dyn"})
    program.evaluate({"object": {...}, "params": {...}})        # True, False, or whatever the expression makes

`compile(expression, variables)` checks the expression against the variables (name → type: `dyn`, `bool`, `int`, `uint`,
`double`, `string`, `bytes`, `timestamp`, `duration`, `list`, `map`, `list<T>`, `authorizer`, …, or an `ObjectType` made
by `types.declare`) and raises `CompileError`, whose text is the API server's. `Program.evaluate(bindings)` takes plain
JSON data by name and raises `EvaluationError` with cel-go's words (`no such key: x`). `Program.result` is the type that
the checker found (`bool`, `dyn`, `string`, …); `Program.uses(name)` says whether a variable is mentioned.
Programs are immutable, may be kept and shared by threads; `compile` remembers the last few hundred.

Macros, optionals (`self.?a.orValue(1)`), two-variable comprehensions, and the libraries of strings, lists and sets come
from the CEL runtime; Kubernetes' own functions (quantity, url, ip, cidr, semver, format, find, authorizer, …) are in
`library/`, one file each. Bind the variable `authorizer` (of type `authorizer`) to `library.authorizer.authorizer()` and
give `evaluate` the function that answers. The runtime (`cel-expr-python`) is imported when something is compiled, not before.
Limits are the runtime's, not Kubernetes' costs: 10,000 steps of all loops together, and expressions nested 32 deep.

Source: Kubernetes concept "Common Expression Language in Kubernetes", apiserver `pkg/cel/environment`.
"""

from minikctl.api.cel.program import CompileError, EvaluationError, Program, compile  # noqa: A004

__all__ = ["CompileError", "EvaluationError", "Program", "compile"]
