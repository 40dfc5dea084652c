"""The pages of docs/: their commands and code run as they stand, their links and messages are real."""

import json
import re
import shlex
from pathlib import Path

import pytest
from matplotlib import pyplot

import cmgai_fem
from cmgai_fem.cli import main

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in Path(cmgai_fem.__file__).parent.rglob("*.py"))


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each block of code."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def run(line: str) -> int:
    """A command of `cmgai-fem`, its quotes and patterns resolved as a shell would."""
    program, *words = shlex.split(line)
    assert program == "cmgai-fem"
    files = [sorted(map(str, Path().glob(word))) if "*" in word else [word] for word in words]
    with pytest.raises(SystemExit) as ended:
        main([word for each in files for word in each])
    return int(ended.value.code or 0)


@pytest.mark.medium
def test_the_tutorial_runs_from_its_first_line_to_its_last(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for language, text in blocks(DOCS / "tutorial.md"):
        if language == "python":
            exec(compile(text, "tutorial.md", "exec"), {"__name__": "tutorial"})
        else:
            assert [run(line) for line in text.splitlines()] == [0] * len(text.splitlines()), text


@pytest.mark.parametrize("number", range(5))
def test_the_code_of_the_how_tos_runs(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = [text for language, text in blocks(DOCS / "howto.md") if language == "python"]
    assert len(texts) == 5
    exec(compile(texts[number], "howto.md", "exec"), {"__name__": "howto"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_headings_and_pages_that_are_there(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        file, _, heading = target.partition("#")
        there = DOCS / file if file else page
        assert there.is_file(), target
        heads = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE) if heading else []
        anchors = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
        assert not heading or heading in anchors, target


def test_messages_under_troubleshooting_are_those_of_the_program():
    rows = re.findall(r"^\| (.+?) \|", (DOCS / "troubleshooting.md").read_text(encoding="utf-8"), re.MULTILINE)[1:]
    # What files and states are called differs; each piece between them must stand in the source.
    pieces = [
        piece.strip(" ,")
        for row in rows
        for message in re.findall(r"`([^`]+)`", row)
        for piece in re.split(r"\.\.\.|NAME|FILE", message)
    ]
    flat = " ".join(SOURCE.replace('"\n', " ").replace('f"', " ").replace('"', " ").split())
    assert [piece for piece in pieces if piece and " ".join(piece.split()) not in flat] == []


NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("name", ["own_files", pytest.param("moving_field", marks=pytest.mark.slow)])
def test_notebooks_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = json.loads((DOCS / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    names: dict[str, object] = {"__name__": name}
    for cell in [cell for cell in cells if cell["cell_type"] == "code"]:
        exec(compile("".join(cell["source"]), name, "exec"), names)
    pyplot.close("all")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_small(path):
    assert path.stat().st_size < 150_000
