"""The plugins: one file each with one `PLUGIN`; the listing of this folder is the registry. Order is Kubernetes' own."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from minikctl.scheduler.framework import Plugin


@cache
def all_plugins() -> tuple[Plugin, ...]:
    """Every plugin. Raises ValueError when two have one name or one place."""
    found: list[Plugin] = []
    for module in iter_modules([str(Path(__file__).parent)]):
        plugin: Plugin = import_module(f"{__name__}.{module.name}").PLUGIN
        for other in found:
            if other.name == plugin.name or other.order == plugin.order:
                raise ValueError(f"scheduler plugins {other.name} and {plugin.name} claim the same name or order")
        found.append(plugin)
    return tuple(sorted(found, key=lambda p: p.order))
