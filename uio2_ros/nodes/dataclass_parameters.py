"""The fields of a settings dataclass as parameters: each new field is a parameter by itself."""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from dataclasses import fields
from typing import Any


def defaults_of(settings: type[Any]) -> dict[str, Any]:
    """Field names and defaults."""
    return {field.name: field.default for field in fields(settings)}


def descriptions_of(settings: type[Any]) -> dict[str, str]:
    """What the string below each field says; the field's name in words where there is none."""
    body = _class_body(settings)
    texts = {field.name: field.name.replace("_", " ") for field in fields(settings)}
    for statement, below in itertools.pairwise(body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            says = below.value if isinstance(below, ast.Expr) else None
            if isinstance(says, ast.Constant) and isinstance(says.value, str):
                texts[statement.target.id] = " ".join(says.value.split())
    return texts


def _class_body(settings: type[Any]) -> list[ast.stmt]:
    definition = ast.parse(textwrap.dedent(inspect.getsource(settings))).body[0]
    assert isinstance(definition, ast.ClassDef), f"{settings} is a class"
    return definition.body
