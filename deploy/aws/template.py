"""The templates as CloudFormation takes them: plain JSON, the task of task-definition.json among them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "templates"
TASK = Path(__file__).parents[2] / "task-definition.json"

FREE_KEYS = ("options",)
"""Under these, the keys are whoever reads them to name, and stay as they are."""

Json = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: ``!Ref a`` is ``{"Ref": "a"}``, ``!Sub a`` is ``{"Fn::Sub": "a"}``."""


def _short_form(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> Json:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        raise yaml.YAMLError(f"!{name} takes no mapping: {node.start_mark}")
    if name == "GetAtt":
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _short_form)


def text_of(kind: str) -> str:
    """The template of a kind of stack, as the body of a request."""
    return json.dumps(load(kind), separators=(",", ":"))


@cache
def load(kind: str) -> Json:
    """The template of a kind of stack, which is the name of its file. To be read only: all get the same."""
    found: Json = yaml.load((FOLDER / f"{kind}.yaml").read_text(), _Loader)
    if kind == "service":
        found["Resources"]["Task"] = task()
    return found


def task() -> Json:
    """task-definition.json as a resource: keys as CloudFormation spells them, ``${...}`` filled in by it."""
    return {"Type": "AWS::ECS::TaskDefinition", "Properties": _spelled(json.loads(TASK.read_text()))}


def _spelled(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key[0].upper() + key[1:]: _filled(inner) if key in FREE_KEYS else _spelled(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_spelled(inner) for inner in value]
    return _filled(value)


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner) for key, inner in value.items()}
    return {"Fn::Sub": value} if isinstance(value, str) and "${" in value else value
