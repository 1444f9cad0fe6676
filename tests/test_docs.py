"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from docs.generate import PAGE, page

ROOT = Path(__file__).parent.parent


def test_the_settings_page_is_that_of_the_code() -> None:
    assert PAGE.read_text() == page(), "run: python -m docs.generate"


def test_no_link_between_documents_is_broken() -> None:
    documents = [path for path in ROOT.rglob("*.md") if not {".venv", "node_modules", ".venv-bench"} & set(path.parts)]
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in documents
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert not broken


def test_every_setting_is_explained() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert len(rows) > 20
    assert not [row for row in rows if row.endswith("|  |")]
