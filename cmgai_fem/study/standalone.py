"""A page that needs no other file, about what one command made."""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cmgai_fem.errors import InputError
from cmgai_fem.files.outputs import check_replaceable
from cmgai_fem.files.trust import printable
from cmgai_fem.files.writers import check_folder
from cmgai_fem.machine import machine_facts
from cmgai_fem.study.findings import Section
from cmgai_fem.study.page import write_page
from cmgai_fem.writing import whole_file, write_json

Sections = Callable[[Path], Iterable[Section]]
"""From the folder that their pictures and views go to, to the sections of a page."""
KINDS = {"trusted": "", "with care": "none"}


def check_page(path: Path, inputs: Sequence[Path] = (), *, force: bool = False) -> None:
    """Refuse a page that could not be written, or would replace what it must not, before any work is done for it."""
    if path.suffix.lower() != ".html":
        raise InputError(f"{printable(str(path))}: a page must end in .html")
    check_folder(path)
    check_replaceable(path, inputs, force=force)


def write_standalone(
    path: Path,
    title: str,
    description: str,
    words: Mapping[str, str],
    sections: Sections,
    facts: Mapping[str, Any],
    advice: Sequence[str] = (),
) -> None:
    """Write the page, complete or not at all.

    Args:
        path: the .html file.
        title: what was generated.
        description: from what.
        words: of trust by state.
        sections: what the page shows.
        facts: where it comes from, plain data; those of the machine are added.
        advice: what to use, a sentence each.
    """
    chips = [{"text": f"{state}: {word}", "kind": KINDS.get(word, "bad")} for state, word in words.items()]
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run = {
            "study": {"title": title, "description": description, "words": chips},
            "advice": list(advice),
            "tolerances": [],
            "sections": [section.describe() for section in sections(folder)],
            "provenance": {**facts, **machine_facts()},
        }
        write_json(folder / "run.json", run)
        page = write_page(folder, alone=True)
        with whole_file(path) as temporary:
            shutil.copyfile(page, temporary)
