"""Templates of any kind: what is not in the recordings of kubectl (`test_recorded.py`)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minikctl.kubectl import gotemplate
from minikctl.kubectl.gotemplate.printf import sprintf
from minikctl.kubectl.printers.jsonpath import JSONPath, JSONPathError
from minikctl.util import go_format

DATA: Any = {"a": {"b": [1, 2.5, "x", None, True, {"c": "d"}]}, "n": 3, "s": "text", "z": None}
PIECES = [
    *("{{", "}}", "{{-", "-}}", " ", ".", ".a", ".a.b", "$", "$x", ":=", "=", "|", "(", ")", ",", '"s"', "`r`", "'c'"),
    *("1", "2.5", "nil", "true", "if ", "else", "end", "range ", "with ", "define ", "template ", "block ", "break"),
    *("len ", "index ", "eq ", "printf ", "print ", "not ", "and ", "slice ", "html ", "/*", "*/", "\n", "x"),
]
PATHS = [
    *("{", "}", ".", "..", "a", ".a", ".b", "[", "]", "[*]", "[0]", "[-1:]", "[?(", ")]", "@", "$", "==", "<", '"x"'),
    *("'a'", ",", ":", "range ", "end", "*", " ", "\\", "1", "1.5", "true", "\n"),
]


def render(text: str, data: Any = DATA, **options: bool) -> str:
    out: list[str] = []
    gotemplate.parse("t", text).execute(data, out.append, **options)
    return "".join(out)


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@settings(max_examples=1500, deadline=None)
def test_any_template_works_or_says_why(text: str) -> None:
    try:
        render(text)
    except gotemplate.TemplateError as e:
        assert str(e).startswith("template: t:")


@given(st.lists(st.sampled_from(PATHS), max_size=12).map("".join))
@settings(max_examples=1500, deadline=None)
def test_any_path_works_or_says_why(text: str) -> None:
    try:
        JSONPath(text).text_of(DATA)
    except JSONPathError as e:
        assert str(e)


@given(st.text(max_size=30))
@settings(max_examples=300, deadline=None)
def test_text_without_braces_is_itself(text: str) -> None:
    text = text.replace("{", "(")
    assert render(text) == text
    assert JSONPath(text).text_of(DATA) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=300, deadline=None)
def test_floats_keep_their_value(value: float) -> None:
    assert float(go_format.number(value)) == value


@given(st.text(max_size=20), st.lists(st.integers() | st.text(max_size=5) | st.none() | st.booleans(), max_size=3))
@settings(max_examples=500, deadline=None)
def test_printf_takes_anything(form: str, args: list[Any]) -> None:
    assert isinstance(sprintf(form.replace("$", "%"), args), str)


def test_a_template_that_calls_itself_ends() -> None:
    with pytest.raises(gotemplate.TemplateError, match="exceeded maximum template depth"):
        render('{{define "x"}}{{template "x"}}{{end}}{{template "x"}}')


def test_a_path_can_be_used_again() -> None:
    path = JSONPath('{range .items[*]}{.n}{" "}{end}')
    assert [path.text_of({"items": [{"n": 1}, {"n": 2}]}) for _ in range(2)] == ["1 2 ", "1 2 "]


def test_missing_keys_can_be_errors() -> None:
    with pytest.raises(gotemplate.TemplateError, match='map has no entry for key "nope"'):
        render("{{.nope}}", missing_is_error=True)
    with pytest.raises(JSONPathError, match="nope is not found"):
        JSONPath("{.nope}", allow_missing=False).text_of(DATA)


def test_what_was_written_before_an_error_stays() -> None:
    out: list[str] = []
    with pytest.raises(gotemplate.TemplateError):
        gotemplate.parse("t", "before {{.s.x}} after").execute(DATA, out.append)
    assert "".join(out) == "before "
