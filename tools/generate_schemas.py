#!/usr/bin/env python3
"""Make `minikctl/api/schemas/*.json`: the structure of every built-in type of one Kubernetes version.

    tools/generate_schemas.py --go DIR [--version 1.36.0] [--out minikctl/api/schemas]

Two sources say one half each, and neither alone is enough:

* the JSON schema definitions that the PyPI package `kubernetes-validate` carries (a development dependency): which
  fields exist, what is required, enums, list types, merge keys and patch strategies;
* the Go declarations (`k8s.io/api`, `k8s.io/apimachinery`, `k8s.io/apiextensions-apiserver`, `k8s.io/kube-aggregator`
  laid out by import path under DIR; check them out yourself, nothing of them is committed): the order of the fields,
  which are pointers, which are left out when empty, the names Go's decoder uses in its errors, the values of types
  that are marked `+enum`, and the defaults that fields are marked with.

Format of a file: `{"Container": [[field, type, flags, number, extra?], …], …}`, described in `minikctl/api/schema.py`.
"""

import argparse
import json
import re
from pathlib import Path

API = "k8s.io/api/"
MACHINERY = "k8s.io/apimachinery/pkg/apis/"
PACKAGES = {
    **{
        f"{g}/{v}": f"{API}{g}/{v}"
        for g, vs in {
            "core": ["v1"],
            "apps": ["v1"],
            "batch": ["v1"],
            "autoscaling": ["v1", "v2"],
            "networking": ["v1"],
            "policy": ["v1"],
            "rbac": ["v1"],
            "storage": ["v1"],
            "scheduling": ["v1"],
            "discovery": ["v1"],
            "coordination": ["v1"],
            "events": ["v1"],
            "certificates": ["v1"],
            "node": ["v1"],
            "admissionregistration": ["v1"],
            "authentication": ["v1"],
            "authorization": ["v1"],
            "flowcontrol": ["v1"],
            "resource": ["v1"],
            "admission": ["v1"],
        }.items()
        for v in vs
    },
    "meta/v1": f"{MACHINERY}meta/v1",
    "apiextensions/v1": "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1",
    "apiregistration/v1": "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1",
}
DEFINITION_PREFIX = {
    "meta/v1": "io.k8s.apimachinery.pkg.apis.meta.v1.",
    "apiextensions/v1": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.",
    "apiregistration/v1": "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.",
}
SCALARS = {
    "string": "string",
    "bool": "bool",
    "int32": "int32",
    "int64": "int64",
    "int": "int32",
    "uint8": "int32",
    "float64": "float64",
    "[]byte": "bytes",
    "interface{}": "any",
}
LEAVES = {
    "resource.Quantity": "Quantity",
    "intstr.IntOrString": "IntOrString",
    "runtime.RawExtension": "any",
    "runtime.Object": "any",
    "types.UID": "string",
    "types.NamespacedName": "any",
    "json.RawMessage": "any",
    "meta/v1.Time": "Time",
    "meta/v1.MicroTime": "MicroTime",
    "meta/v1.Duration": "Duration",
    "meta/v1.FieldsV1": "any",
    "apiextensions/v1.JSON": "any",
    "apiextensions/v1.JSONSchemaPropsOrBool": "any",
    "apiextensions/v1.JSONSchemaPropsOrArray": "any",
    "apiextensions/v1.JSONSchemaPropsOrStringArray": "any",
}
REFERENCES = {
    "runtime.RawExtension": "runtime.RawExtension",
    "meta/v1.FieldsV1": "meta/v1.FieldsV1",
    **{
        f"apiextensions/v1.{name}": f"apiextensions/v1.{name}"
        for name in ("JSON", "JSONSchemaPropsOrBool", "JSONSchemaPropsOrArray", "JSONSchemaPropsOrStringArray")
    },
}
"""Types of which we only say `any`, by the name that OpenAPI documents refer to."""
STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.M | re.S)
NAMED = re.compile(r"^type (\w+) =?\s*([\w.\[\]\*]+(?:\{\})?)\s*$", re.M)
FIELD = re.compile(r'^\s+(\w+)\s+(\S+)\s+`json:"([^"]*)"(.*)', re.M)
INLINE = re.compile(r'^\s+(\*?[\w.]+)\s+`json:"([^"]*)"(.*)', re.M)
NUMBER = re.compile(r'protobuf:"[a-z0-9]+,(\d+)')
ENUM = re.compile(r"^// \+enum\n(?://.*\n)*type (\w+) string$", re.M)
CONSTANT = re.compile(r'^(?:const)?\s+(\w+)\s+(?:(\w+)\s*=\s*|=\s*(\w+)\()(?:"([^"]*)"|([\w.]+))\)?', re.M)
DEFAULT = re.compile(r"^\s*// \+default=(.*)")
EMPTY = re.compile(r"^type (\w+) struct\s*\{\s*\}", re.M)
IMPORT = re.compile(r'^\s*(?:import\s+)?(\w+)?\s*"(k8s\.io/[^"]+)"', re.M)


def short(path: str) -> str | None:
    return next((name for name, where in PACKAGES.items() if where == path), None)


def _number(tags: str) -> tuple[int, ...]:
    m = NUMBER.search(tags)
    return (int(m[1]),) if m else ()


def _defaults(body: str):
    """(json name, value) of the fields of a struct that are marked with a default."""
    value = ""
    for line in body.splitlines():
        if m := DEFAULT.match(line):
            value = m[1]
        elif m := FIELD.match(line):
            if value:
                yield m[3].split(",")[0], value
            value = ""


class Package:
    """The structs and the named types of one Go package."""

    def __init__(self, name: str, folder: Path):
        self.name = name
        self.structs: dict[str, str] = {}
        self.named: dict[str, str] = {}
        self.imports: dict[str, str] = {}
        self.enums: dict[str, set[str]] = {}
        self.defaults: dict[tuple[str, str], str] = {}
        self.constants: dict[str, tuple[str, str]] = {}
        for file in sorted(folder.glob("*.go")):
            raw = file.read_text()
            self.enums.update((name, set()) for name in ENUM.findall(raw))
            for struct, body in STRUCT.findall(raw):
                self.defaults.update(((struct, field), value) for field, value in _defaults(body))
            text = re.sub(r"//.*", "", raw)
            for constant, type_, other, value, reference in CONSTANT.findall(text):
                self.constants[constant] = (value, reference)
                if (type_ or other) in self.enums:
                    self.enums[type_ or other].add(constant)
            self.structs.update(STRUCT.findall(text))
            self.structs.update((name, "") for name in EMPTY.findall(text))
            self.named.update((n, t) for n, t in NAMED.findall(text) if not t.startswith("struct"))
            for alias, path in IMPORT.findall(text):
                target = short(path)
                if target:
                    self.imports[alias or path.rsplit("/", 1)[1]] = target


class Generator:
    def __init__(self, go: Path, definitions: dict):
        self.packages = {name: Package(name, go / path) for name, path in PACKAGES.items()}
        self.definitions = definitions

    def resolve(self, package: Package, go_type: str) -> str:
        """A Go type expression in our notation: `[]core/v1.Container`, `map[string]string`, `int32`, `Quantity`."""
        t = go_type.lstrip("*")
        if t in SCALARS:
            return SCALARS[t]
        if t.startswith("[]"):
            return "[]" + self.resolve(package, t[2:])
        if m := re.match(r"map\[[\w.]+\](.*)", t):
            return "map[string]" + self.resolve(package, m[1])
        if "." in t:
            alias, name = t.split(".")
            if t in LEAVES:
                return LEAVES[t]
            return self.resolve(self.packages[package.imports[alias]], name)
        full = f"{package.name}.{t}"
        if full in LEAVES:
            return LEAVES[full]
        if t in package.structs:
            return full
        return self.resolve(package, package.named[t])

    def reference(self, package: Package, go_type: str) -> str:
        """The name of a type without fields of its own, "" for all others."""
        t = re.sub(r"^(\*|\[\]|map\[[\w.]+\])+", "", go_type)
        alias, dot, name = t.rpartition(".")
        full = f"{package.imports[alias] if dot else package.name}.{name}" if not dot or alias in package.imports else t
        if not dot and t in package.named:
            return self.reference(package, package.named[t])
        return REFERENCES.get(t) or REFERENCES.get(full, "")

    def enum(self, package: Package, go_type: str) -> list[str]:
        """The values of an enumeration, of a pointer to one, or of the items of a list or map of them."""
        t = re.sub(r"^(\*|\[\]|map\[[\w.]+\])+", "", go_type)
        if "." in t:
            alias, t = t.split(".")
            if alias not in package.imports:
                return []
            package = self.packages[package.imports[alias]]
        if t in package.enums:
            return sorted({self.constant(package, name) for name in package.enums[t]})
        return self.enum(package, package.named[t]) if t in package.named else []

    def constant(self, package: Package, name: str) -> str:
        value, reference = package.constants[name]
        if not reference:
            return value
        alias, dot, other = reference.rpartition(".")
        return self.constant(self.packages[package.imports[alias]] if dot else package, other)

    def default(self, package: Package, struct: str, field: str) -> object:
        value = package.defaults.get((struct, field))
        if value is None:
            return None
        if m := re.fullmatch(r"ref\((\w+)\)", value):
            return self.constant(package, m[1])
        return json.loads(value)

    def fields(self, package: Package, name: str, outer: tuple[int, ...] = ()):
        """(json name, type, flags, protobuf numbers, extras) in declaration order, embedded structs spliced in.

        The numbers lead from the message to the field: more than one for the fields of an embedded message.
        """
        for line in package.structs[name].splitlines():
            if m := FIELD.match(line):
                go, tag, numbers = m[2], m[3].split(","), outer + _number(m[4])
                if tag[0] == "-":
                    continue
                if not tag[0]:  # `ObjectMeta ObjectMeta json:",inline"` spelled out
                    yield from self.embedded(package, go, numbers)
                    continue
                flags = ("p" if go.startswith("*") else "") + ("o" if "omitempty" in tag else "")
                flags += "z" if "omitzero" in tag else ""
                extras = {
                    "enum": self.enum(package, go) or None,
                    "default": self.default(package, name, tag[0]),
                    "ref": self.reference(package, go) or None,
                }
                yield tag[0], self.resolve(package, go), flags, numbers, extras
            elif m := INLINE.match(line):
                tag, numbers = m[2].split(","), outer + _number(m[3])
                if tag[0]:
                    flags = ("p" if m[1].startswith("*") else "") + ("o" if "omitempty" in tag else "")
                    yield tag[0], self.resolve(package, m[1]), flags, numbers, {}
                else:
                    yield from self.embedded(package, m[1], numbers)

    def embedded(self, package: Package, go: str, numbers: tuple[int, ...]):
        if go.endswith("TypeMeta"):
            yield "kind", "string", "o", (), {}
            yield "apiVersion", "string", "o", (), {}
            return
        group, name = self.resolve(package, go).rsplit(".", 1)
        yield from self.fields(self.packages[group], name, numbers)

    def definition(self, package: str, name: str) -> dict:
        prefix = DEFINITION_PREFIX.get(package) or f"io.k8s.api.{package.replace('/', '.')}."
        return self.definitions.get(prefix + name, {})

    def table(self, package: Package) -> dict:
        types = {}
        for name in sorted(package.structs):
            if package.structs[name] and 'json:"' not in package.structs[name]:
                continue
            definition = self.definition(package.name, name)
            required, properties = set(definition.get("required", [])), definition.get("properties", {})
            rows = []
            for field, kind, flags, numbers, extras in self.fields(package, name):
                extra = {
                    key: p[long]
                    for key, long in (
                        ("mergeKey", "x-kubernetes-patch-merge-key"),
                        ("strategy", "x-kubernetes-patch-strategy"),
                        ("listType", "x-kubernetes-list-type"),
                        ("listKeys", "x-kubernetes-list-map-keys"),
                        ("mapType", "x-kubernetes-map-type"),
                    )
                    if (p := properties.get(field, {})).get(long)
                }
                enum = [e for e in properties.get(field, {}).get("enum", []) if e is not None]
                if enum:
                    extra["enum"] = enum
                extra |= {k: v for k, v in extras.items() if v is not None}
                number = numbers[0] if len(numbers) == 1 else list(numbers)
                row = [field, kind, flags + ("r" if field in required else ""), number]
                rows.append(row + [extra] if extra else row)
            types[name] = rows
            if definition.get("x-kubernetes-map-type") == "atomic":
                types[name] = [["", "", "atomic", 0], *rows]
        return types


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--go", type=Path, required=True)
    ap.add_argument("--version", default="1.36.0")
    ap.add_argument("--out", type=Path, default=Path("minikctl/api/schemas"))
    args = ap.parse_args()
    import kubernetes_validate

    home = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{args.version}-local"
    definitions = json.loads((home / "_definitions.json").read_text())["$defs"]
    generator = Generator(args.go, definitions)
    args.out.mkdir(parents=True, exist_ok=True)
    for name, package in generator.packages.items():
        rows = generator.table(package)
        body = ",\n".join(
            json.dumps(t) + ": [\n" + ",\n".join("  " + json.dumps(r) for r in fields) + "\n]"
            for t, fields in rows.items()
        )
        (args.out / f"{name.replace('/', '_')}.json").write_text("{\n" + body + "\n}\n")


if __name__ == "__main__":
    main()
