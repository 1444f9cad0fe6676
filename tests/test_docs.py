"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from docs.generate import PAGE, page
from server.config import load_settings

ROOT = Path(__file__).parent.parent


def test_the_settings_page_is_that_of_the_code() -> None:
    assert PAGE.read_text() == page(), "run: python -m docs.generate"


def test_no_link_between_documents_is_broken() -> None:
    others = {".venv", ".venv-desktop", ".venv-train", "node_modules", "runs"}
    documents = [path for path in ROOT.rglob("*.md") if not others & set(path.parts)]
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in documents
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert not broken


def test_every_setting_is_explained() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert len(rows) > 40
    assert not [row for row in rows if row.endswith("|  |")]
    assert not [row for row in rows if re.search(r"None|True|False|\('|Ellipsis|Undefined", row)], "values as in YAML"


def test_the_settings_of_the_example_can_be_used(tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    (tmp_path / "vigie.yaml").write_text(found[1])
    (camera,) = load_settings(tmp_path / "vigie.yaml").cameras
    assert (camera.url, camera.username, len(camera.masks)) == ("rtsp://10.0.0.7/stream1", "user", 1)
