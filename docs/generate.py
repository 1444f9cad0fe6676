"""Write what is made of the settings themselves: ``python -m docs.generate``. A test compares them."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs import dependencies
from server.config import BUNDLED_MODEL, CameraSettings, Settings
from server.config.live import is_live
from server.config.reading import sections
from server.config.schema import settings_schema

PAGE = Path(__file__).parent / "settings.md"
SCHEMA = Path(__file__).parent / "schemas" / "vigie.schema.json"

HEAD = """# Settings

From `vigie.yaml` in the working directory (or `--config FILE`); over it the environment; over that the command line. A
name in the environment is `VIGIE_` and the setting in capitals, with two underscores for a dot:
`VIGIE_DETECTOR__BACKEND=onnxruntime`. An unknown or impossible setting stops the start and is named. This page is made
from the code (`python -m docs.generate`).

`python -m server config` prints the settings in force, each with where it comes from: default, file and line, variable,
command line. `--check` names every mistake at once and starts nothing. `--schema` prints a JSON Schema;
it is kept as [schemas/vigie.schema.json](schemas/vigie.schema.json), and an editor completes and checks `vigie.yaml`
with it when the first line of that file is `# yaml-language-server: $schema=docs/schemas/vigie.schema.json`.

What is marked *live* changes while Vigie runs, on the signal SIGHUP or `POST /api/v1/settings/reload`; what is
open goes on with what it began with. All else waits for a restart, and is named. A file that is wrong changes nothing.

```yaml
port: 5000
detector:
  backend: onnxruntime
cameras:
  - name: gate
    url: rtsp://user:password@10.0.0.7/stream1
    masks:  # each a polygon of [x, y]: fractions of the width and the height, from the upper left corner
      - [[0.7, 0], [1, 0], [1, 0.3], [0.7, 0.3]]
```
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, _table(Settings, "", skip=sections(Settings))]
    for name, section in sections(Settings).items():
        parts.append(f"## {name}\n\n{inspect.getdoc(section) or ''}\n\n" + _table(section, f"{name}."))
    parts.append("## Each of cameras\n\n" + _table(CameraSettings, ""))
    return "\n".join(parts)


def schema() -> str:
    """The JSON Schema of the settings file."""
    return json.dumps(settings_schema(), indent=2) + "\n"


def _table(model: type[BaseModel], prefix: str, skip: dict[str, type[BaseModel]] | None = None) -> str:
    rows = [
        f"| `{prefix}{name}` | {_default(name, field)} | {field.description or ''}{_live(prefix + name)} |"
        for name, field in model.model_fields.items()
        if name not in (skip or {})
    ]
    return "| setting | default | |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _live(name: str) -> str:
    return " *live*" if is_live(name) else ""


def _default(name: str, field: FieldInfo) -> str:
    if field.default == BUNDLED_MODEL:
        return "the bundled gun detector"
    if field.default_factory is not None:
        return "the number of cores"
    if field.default is PydanticUndefined:
        return "required"
    if field.default is None or field.default == ():
        return "none"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    if isinstance(field.default, tuple):
        return ", ".join(f"`{item}`" for item in field.default)
    return f"`{field.default}`"


if __name__ == "__main__":
    PAGE.write_text(page())
    SCHEMA.write_text(schema())
    dependencies.PAGE.write_text(dependencies.page())
