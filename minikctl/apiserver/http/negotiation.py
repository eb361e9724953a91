"""Content negotiation: which form of an answer the client gets, and which forms of bodies are read. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from minikctl.api.errors import ApiError, unsupported_media_type

JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
ACCEPTED = f"{JSON}, {YAML}"
_AS = frozenset({"Table", "PartialObjectMetadata", "PartialObjectMetadataList", ""})


@dataclass(frozen=True, slots=True)
class Form:
    """How to answer: media type; `shape` is `""`, Table, PartialObjectMetadata or PartialObjectMetadataList."""

    media_type: str = JSON
    shape: str = ""
    stream: bool = False


def parse_media_type(text: str) -> tuple[str, dict[str, str]]:
    """`application/json;as=Table;v=v1` → (type, parameters)."""
    kind, *parameters = (p.strip() for p in text.split(";"))
    pairs = (p.partition("=") for p in parameters)
    return kind.lower(), {k.strip().lower(): v.strip().strip('"') for k, _, v in pairs}


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def accept(header: str, *, shapes: bool = True, tables: bool = True) -> Form:
    """The best form that the client takes and we have. `tables`: whether there are any of it. Raises ApiError 406."""
    offers = []
    for i, part in enumerate(header.split(",") if header else ["*/*"]):
        kind, parameters = parse_media_type(part)
        offers.append((-_weight(parameters.get("q", "1")), i, kind, parameters))
    for weight, _, kind, parameters in sorted(offers, key=lambda o: o[:2]):
        shape = parameters.get("as", "")
        if weight == 0 or shape not in _AS or (shape and not shapes) or (shape == "Table" and not tables):
            continue
        if shape and (parameters.get("g"), parameters.get("v")) not in (
            ("meta.k8s.io", "v1"),
            ("meta.k8s.io", "v1beta1"),
        ):
            continue
        if kind in (JSON, "*/*", "application/*"):
            return Form(JSON, shape, parameters.get("stream") == "watch")
        if kind in (YAML, "application/yml", "text/yaml", "application/x-yaml"):
            return Form(YAML, shape)
    raise ApiError(406, "NotAcceptable", f"only the following media types are accepted: {ACCEPTED}")


def wants_aggregated(header: str) -> bool:
    """Whether discovery is asked for in one document (apidiscovery.k8s.io/v2), before any other form that we have."""
    for part in header.split(","):
        kind, parameters = parse_media_type(part)
        if kind not in (JSON, "*/*", "application/*"):
            continue
        if "as" not in parameters:
            return False
        wanted = tuple(parameters.get(k) for k in ("g", "v", "as"))
        if wanted == ("apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList"):
            return True
    return False


def body_type(header: str) -> str:
    """JSON, YAML or PROTOBUF for the content type of a request body. Raises ApiError 415."""
    kind, _ = parse_media_type(header or JSON)
    if kind in ("", JSON, "text/plain", "application/x-www-form-urlencoded"):
        return JSON
    if kind in (YAML, "application/yml", "text/yaml", "application/x-yaml"):
        return YAML
    if kind == PROTOBUF:
        return PROTOBUF
    raise unsupported_media_type(
        f"the body of the request was in an unknown format - accepted media types include: {ACCEPTED}, {PROTOBUF}"
    )
