"""Reading Dockerfiles, and which files of a folder they mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from minikctl.runtime.oci.building import context
from minikctl.runtime.oci.building.context import Context
from minikctl.runtime.oci.building.dockerfile import (
    BuildError,
    Instruction,
    expand,
    expand_text,
    pairs,
    parse,
    without_markers,
)


def read(text: str) -> list[tuple[int, str, str]]:
    file = parse(text)
    return [(i.line, i.keyword, i.text) for s in file.stages for i in (s.base, *s.instructions)]


def test_lines() -> None:
    text = '# syntax=docker/dockerfile:1\n\nfrom a AS One\nRUN x && \\\n  # between\n\n  y\nCMD ["a", "b"]\nFROM b\nENV\tA=1\n'
    assert read(text) == [
        (3, "FROM", "a AS One"),
        (4, "RUN", "x &&   y"),
        (8, "CMD", '["a", "b"]'),
        (9, "FROM", "b"),
        (10, "ENV", "A=1"),
    ]
    assert [s.name for s in parse(text).stages] == ["one", ""]
    assert parse(text).stages[0].instructions[1].words == ("a", "b")


def test_here_documents() -> None:
    text = (
        "FROM a\nRUN <<EOF\necho $A\n# no comment\n\nEOF\nRUN cat <<-ONE <<'TWO' >/x\n\t1\n\tONE\n $A \nTWO\n"
        'COPY <<EOF /etc/a\n"$A" \\$A\nEOF\nRUN echo "<<EOF" $((1 << 2)) <<<x\nUSER a\n'
    )
    (stage,) = parse(text).stages
    run, two, copy, none, user = stage.instructions
    assert run.script == "echo $A\n# no comment\n\n"
    assert two.script == "cat <<-ONE <<'TWO' >/x\n1\nONE\n $A \nTWO"
    assert [(d.name, d.is_literal) for d in two.documents] == [("ONE", False), ("TWO", True)]
    assert without_markers(copy.text) == "EOF /etc/a"
    assert expand_text(copy, copy.documents[0].text, {"A": "it's"}) == '"it\'s" $A\n'
    assert not none.documents and none.script == none.text and (user.keyword, user.line) == ("USER", 16)


def test_another_escape() -> None:
    assert read("# escape=`\nFROM a\nRUN dir `\n c:\\\n") == [(2, "FROM", "a"), (3, "RUN", "dir  c:\\")]


def test_flags() -> None:
    one = parse("FROM a\nCOPY --from=b --chown=1:2 --link x y\n").stages[0].instructions[0]
    assert (dict(one.flags), one.text) == ({"from": "b", "chown": "1:2", "link": "true"}, "x y")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: the file has no FROM"),
        ("RUN x", "line 1: RUN: no build stage"),
        ("FROM a\nRUNN x", "line 2: unknown instruction: RUNN"),
        ("FROM a\n\x1b[2J x", "line 2: unknown instruction: '\\x1b[2J'"),
        ("FROM a\n\nRUN", "line 3: RUN: nothing follows it"),
        ("FROM a b c", "line 1: FROM: FROM is followed by"),
        ("FROM a\nRUN <<EOF\nx\n", "line 2: the here-document EOF has no end"),
        ("FROM a\nONBUILD RUN x", "line 2: ONBUILD is not supported"),
    ],
)
def test_refused(text: str, why: str) -> None:
    with pytest.raises(BuildError) as caught:
        parse(text)
    assert str(caught.value).startswith(why)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A/${B}x", "1/2x"),
        ("${C}|$C|$D", "||"),
        ("${C:-x}${D:-y}${D-z}${C-z}${A:-q}", "xyz1"),
        ("${A:+set}${C:+set}${C+set}", "setset"),
        ("\\$A '$A' \"$A\"", "$A $A 1"),
        ("100$ $", "100$ $"),
        ("${C:-${D:-<$A>}}!", "<1>!"),
        ('\'\\n\' "\\n\\"\\$A" \\n', '\\n \\n"$A n'),
        ("$S", 'it\'s "two" $A'),
    ],
)
def test_variables(text: str, value: str) -> None:
    known = {"A": "1", "B": "2", "C": "", "S": 'it\'s "two" $A'}
    assert expand(Instruction(1, "ENV", text), text, known) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("${A#x}", "unsupported substitution: ${A#x}"),
        ("${A", "unsupported substitution: ${A}"),
        ("'a", "no closing quotation"),
    ],
)
def test_no_such_variable(text: str, why: str) -> None:
    with pytest.raises(BuildError, match=r"^line 1: ENV: ") as caught:
        expand(Instruction(1, "ENV", text), text, {"A": "1"})
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('A=1 B="two words" C=$X', {"A": "1", "B": "two words", "C": "x"}),
        ("A the rest of it", {"A": "the rest of it"}),
        ("A=a\\ b", {"A": "a b"}),
        ("A=$S B=\"<$S>\" C=${N:-'a b'}", {"A": "two words", "B": "<two words>", "C": "a b"}),
        ('A "in quotes"', {"A": "in quotes"}),
    ],
)
def test_pairs(text: str, found: dict[str, str]) -> None:
    assert pairs(Instruction(1, "ENV", text), {"X": "x", "S": "two words"}) == found


@pytest.mark.parametrize("text", ["A", "A=1 B", "=1", 'A="'])
def test_bad_pairs(text: str) -> None:
    with pytest.raises(BuildError, match=r"^line 1: ENV: "):
        pairs(Instruction(1, "ENV", text), {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.txt", "b.txt", "c.md", "sub/d.txt", "sub/deep/e.txt", "node_modules/x/y", "keep/me"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a.txt", ["a.txt"]),
        ("*.txt", ["a.txt", "b.txt"]),
        ("./sub/../?.txt", ["a.txt", "b.txt"]),
        ("[ab].txt", ["a.txt", "b.txt"]),
        ("*/d*", ["sub/d.txt", "sub/deep"]),
        (".", [""]),
        ("/sub", ["sub"]),
        ("../../../etc/passwd", []),
        ("nothing", []),
        ("out/passwd", []),
    ],
)
def test_patterns(folder: Path, pattern: str, found: list[str]) -> None:
    (folder / "out").symlink_to("/etc")
    assert Context(folder).find(pattern) == found


def test_ignored(folder: Path) -> None:
    (folder / ".dockerignore").write_text(
        "# comment\nnode_modules\n**/*.txt\n!sub/deep/e.txt\nkeep\n!keep/me\n.dockerignore\n"
    )
    found = context.of_folder(folder)
    assert list(found.below("")) == ["c.md", "keep/me", "sub", "sub/deep", "sub/deep/e.txt"]
    assert found.find("*.txt") == [] and found.find("sub/deep/*") == ["sub/deep/e.txt"]


def test_ignored_for_one_file(folder: Path) -> None:
    (folder / "x.Dockerfile.dockerignore").write_text("*\n!a.txt\n")
    assert list(context.of_folder(folder, folder / "x.Dockerfile").below("")) == ["a.txt"]
