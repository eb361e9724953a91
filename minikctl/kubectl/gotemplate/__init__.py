"""Go's text/template for JSON data, as `-o go-template` uses it.

A template is cut into tokens (`lexer`), made a tree (`parser`, `nodes`) and carried out (`executor`, `functions`,
`printf`). Errors have Go's words. Reference: https://pkg.go.dev/text/template. What needs Go values (methods,
channels, functions as values) does not exist here; everything that JSON can hold does.
"""

from __future__ import annotations

from minikctl.kubectl.gotemplate.errors import TemplateError
from minikctl.kubectl.gotemplate.executor import Template
from minikctl.kubectl.gotemplate.parser import parse_all

__all__ = ["Template", "TemplateError", "parse"]


def parse(name: str, text: str) -> Template:
    """The template of `text`, with what it defines. Raises TemplateError."""
    return Template(name, parse_all(name, text))
