"""The one error of templates."""

from __future__ import annotations


class TemplateError(Exception):
    """A template that cannot be parsed or carried out; the message is Go's."""
