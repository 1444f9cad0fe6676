"""The documents say what the code does."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest

from docs import dependencies
from docs.generate import PAGE, SCHEMA, page, schema
from server.config import load_settings

ROOT = Path(__file__).parent.parent


def test_the_settings_page_is_that_of_the_code() -> None:
    assert PAGE.read_text() == page(), "run: python -m docs.generate"
    assert SCHEMA.read_text() == schema(), "run: python -m docs.generate"


def test_each_dependency_has_a_reason_and_its_licence() -> None:
    assert dependencies.PAGE.read_text() == dependencies.page(), "run: python -m docs.generate"
    known = [each for file in dependencies.FILES for each in dependencies.dependencies(file)]
    asked = [
        line
        for file in dependencies.FILES
        for line in (ROOT / file).read_text().splitlines()
        if line and not line.startswith(("#", "-r"))
    ]
    assert len(known) == len(asked) > 40
    assert not [each.name for each in known if not each.reason]
    for each in known:
        try:
            told = metadata(each.name)
        except PackageNotFoundError:  # in the other environment
            continue
        told_by = ("License-Expression", "License", "Classifier")
        words = " ".join(text for key in told_by for text in told.get_all(key) or [])
        kind = dependencies.LICENCES[each.name].split()[0].split("-")[0]
        assert kind in words, (each.name, words[:200])


def test_no_link_between_documents_is_broken() -> None:
    others = {".venv", ".venv-desktop", ".venv-train", "build", "dist", "node_modules", "runs"}
    documents = [path for path in ROOT.rglob("*.md") if not others & set(path.parts)]
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in documents
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert not broken


def test_each_defence_has_the_test_that_is_named() -> None:
    named = re.findall(r"`(tests/[a-z_/]+\.py)::(test_\w+)`", (ROOT / "docs" / "threat-model.md").read_text())
    assert len(named) > 20
    assert not [f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / file).read_text()]


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


@pytest.mark.parametrize("page", ["start.md", "concepts.md", "operation.md", "privacy.md"])
def test_the_french_guide_goes_with_the_english_one(page: str) -> None:
    english, french = ((ROOT / "docs" / folder / page).read_text() for folder in ("", "fr"))
    assert _shape(english) == _shape(french)


def _shape(text: str) -> dict[str, list[str]]:
    """What is the same in every language: headings by their level, code, rows of tables, what code is named in each."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return {
        "headings": re.findall(r"^#+(?= )", prose, re.MULTILINE),
        "examples": re.findall(r"^```.*?^```", text, re.DOTALL | re.MULTILINE),
        "rows": ["|" * row.count("|") for row in prose.splitlines() if row.startswith("|")],
        "code": sorted(re.findall(r"`[^`]+`", prose)),
        "pages": sorted(Path(link).name for link in re.findall(r"\]\((?!https?:)([^)#\s]+)", prose)),
    }


def test_no_link_to_a_heading_is_broken() -> None:
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(((?!https?:)[^)\s]*#[^)\s]+)\)", page.read_text())
        if target.partition("#")[2]
        not in _anchors((page.parent / target.partition("#")[0]) if target[0] != "#" else page)
    ]
    assert not broken


def _anchors(page: Path) -> set[str]:
    """How the headings of a page are linked to."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_each_setting_metric_and_message_that_a_guide_names_is_there() -> None:
    settings = set(re.findall(r"^\| `([a-z_.]+)` \|", PAGE.read_text(), re.MULTILINE))
    sections = {setting.partition(".")[0] for setting in settings if "." in setting}
    code = "\n".join(path.read_text() for path in (ROOT / "server").rglob("*.py"))
    for guide in ("start.md", "concepts.md", "operation.md", "privacy.md", "architecture.md"):
        text = (ROOT / "docs" / guide).read_text()
        named = {name for name in re.findall(r"`([a-z]+\.[a-z_]+)[`:]", text) if name.partition(".")[0] in sections}
        files = {name for name in named if name.endswith((".py", ".json", ".yaml"))}
        assert named - files <= settings, guide
        for metric in re.findall(r"`(vigie_[a-z_]+?)(?:_total)?[`{]", text):
            assert f'"{metric}"' in code, metric
        for reason in re.findall(r"`(it [a-z ]+|nothing listens[a-z ]+|there is no way[a-z ]+)`", text):
            assert reason in code, reason
        for file in re.findall(r"`((?:core|edge|evidence|alerts|store|outbox)/[a-z_]+\.py)`?", text):
            assert (ROOT / "server" / file).exists(), file


def test_each_top_level_folder_says_what_it_is() -> None:
    folders = ["server", "static", "tests", "docs", "models", "deploy", "benchmarks", "training"]
    assert not [folder for folder in folders if not (ROOT / folder / "README.md").exists()]
