"""Results folder -> report.html: one page that holds everything and asks nothing of the network."""

import base64
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmgai_fem.errors import InputError
from cmgai_fem.writing import write_text

if TYPE_CHECKING:
    import markupsafe

MEDIA = {".png": "image/png", ".svg": "image/svg+xml", ".gif": "image/gif"}
# Files of a results folder that the page leads to, where they are.
BESIDE = ("metrics.csv", "run.json", "generated.csv", "ablation.csv", "paraview/*.pvd", "fields/*.npz")
NEEDED = ("study", "advice", "tolerances", "sections", "provenance")
# Errors below this are the round-off of the fields.
ROUND_OFF = 1e-11
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def write_page(folder: Path, alone: bool = False) -> Path:
    """Write `report.html` from the files of a results folder.

    Args:
        folder: holds `run.json` and the pictures that it names.
        alone: the page will leave the folder, and leads to none of its files.

    Returns:
        The page, complete or not written at all.

    Raises:
        InputError: a file or a key is missing or cannot be read; the text names it.
    """
    run = read_run(folder)
    # The page's numbers are the terminal's too, which has no use for templates.
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cmgai_fem.study", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_address"] = lambda file: data_address(folder / file)
    environment.filters["script_data"] = lambda file: script_data(folder / file)
    facts = [(words(key), number(value)) for key, value in flatten(run["provenance"]).items()]
    given = {key: run[key] for key in ("study", "advice", "tolerances", "sections")}
    beside = () if alone else BESIDE
    files = [file.relative_to(folder).as_posix() for pattern in beside for file in sorted(folder.glob(pattern))]
    page = environment.get_template("page.html.j2").render(provenance=facts, files=files, **given)
    write_text(folder / "report.html", page)
    return folder / "report.html"


def read_run(folder: Path) -> dict[str, Any]:
    """What `run.json` of a results folder holds.

    Raises:
        InputError: it is missing, no JSON, or lacks a key.
    """
    path = folder / "run.json"
    try:
        run: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; is {folder} a results folder?") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: not valid JSON at line {error.lineno}: {error.msg}") from None
    for key in NEEDED:
        if key not in run:
            raise InputError(f"{path}: key {key!r} is missing")
    return run


def data_address(path: Path) -> str:
    """A picture as a data address, so that the page needs no other file.

    Raises:
        InputError: it is missing.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: the page shows this picture, and it is missing") from None
    return f"data:{MEDIA[path.suffix]};base64," + base64.b64encode(content).decode("ascii")


def script_data(path: Path) -> "markupsafe.Markup":
    """A JSON file as the text of a script element, which no text within it can end.

    Raises:
        InputError: it is missing.
    """
    import markupsafe

    try:
        return markupsafe.Markup(path.read_text(encoding="utf-8").replace("<", "\\u003c"))
    except FileNotFoundError:
        raise InputError(f"{path}: the page shows this view, and it is missing") from None


def percent(fraction: float | None) -> str:
    """A fraction in per cent with three significant digits and no sign, for tables whose heading says it."""
    if fraction is None:
        return "–"
    return "< 10⁻⁹" if 0.0 < fraction < ROUND_OFF else number(100.0 * fraction)


def number(value: object) -> str:
    """A number with three significant digits, never in bare exponent notation; anything else as its text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float) or not math.isfinite(value):
        return str(value)
    if value != 0.0 and not 1e-4 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa}·10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    return f"{value:.0f}" if abs(value) >= 1000.0 else f"{value:.3g}"


def words(name: str) -> str:
    """A key as words: underscores become spaces, proper names keep their capital."""
    return name.replace("_", " ").replace("von mises", "von Mises")


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree of plain data as one level: keys joined, lists as text, tables left out."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key} · ")
        elif not (isinstance(value, list) and value and isinstance(value[0], dict)):
            flat[f"{prefix}{key}"] = ", ".join(map(number, value)) if isinstance(value, list) else value
    return flat
