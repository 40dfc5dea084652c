"""Pages that `make docs` makes from what lies elsewhere: the studies' READMEs, the notebooks, the API's docstrings."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import cmgai_fem

ROOT = Path(__file__).parent
STUDIES = sorted(path.parent for path in (ROOT / "verification").glob("*/README.md"))
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The pages' places in the navigation."""
    assert config.nav is not None
    config.nav += [
        {"Notebooks": [f"notebooks/{path.stem}.md" for path in NOTEBOOKS]},
        {"Studies": [{folder.name: f"studies/{folder.name}.md"} for folder in STUDIES]},
        {"Python": "api.md"},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages themselves."""
    made = {f"studies/{folder.name}.md": study_page(folder) for folder in STUDIES}
    made |= {f"notebooks/{path.stem}.md": notebook_page(path) for path in NOTEBOOKS}
    made["api.md"] = api_page()
    for address, text in made.items():
        files.append(File.generated(config, address, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links of the written pages to studies lead to the pages made of them; what is no page is named only."""
    markdown = re.sub(r"\]\(\.\./verification/([\w-]+)/(?:README\.md)?(#[\w-]+)?\)", r"](studies/\1.md\2)", markdown)
    return re.sub(r"\[([^\]]+)\]\(\.\./(?:verification|tests|docker)/[^)]*\)", r"\1", markdown)


def study_page(folder: Path) -> str:
    """A study's README, its links leading to pages; what is no page is named only."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"\]\(\.\./\.\./docs/([\w-]+\.md)", r"](../\1", text)
    text = re.sub(r"\]\(\.\./([\w-]+)/(?:README\.md)?(#[\w-]+)?\)", r"](\1.md\2)", text)
    return re.sub(r"\[([^\]]+)\]\((?!https?:|#|\.\./[\w-]+\.md|[\w-]+\.md)[^)]*\)", r"\1", text)


def notebook_page(path: Path) -> str:
    """The cells of a notebook: text, code, and what it printed and drew."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(text)
            continue
        parts.append(f"```python\n{text}\n```")
        for output in cell["outputs"]:
            if "text" in output:
                parts.append(f"```text\n{''.join(output['text']).rstrip()}\n```")
            for picture in (output.get("data", {}).get("image/png"),):
                parts += [f'<img alt="" src="data:image/png;base64,{picture.strip()}">'] if picture else []
    return "\n\n".join(parts) + "\n"


def api_page() -> str:
    """Every public name with its docstring."""
    parts = ["# Python", "", "What `cmgai_fem` exports. Shapes stand in parentheses, units in brackets.", ""]
    for name in cmgai_fem.__all__:
        thing = getattr(cmgai_fem, name)
        if not callable(thing):
            continue
        parts += [f"## {name}", "", f"```python\n{name}{_signature(thing)}\n```", "", _markdown(thing)]
        if inspect.isclass(thing):
            for own, member in vars(thing).items():
                function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
                if not own.startswith("_") and inspect.isfunction(function):
                    call = "" if isinstance(member, property) else _signature(function)
                    parts += [f"### {name}.{own}", "", f"```python\n{own}{call}\n```", "", _markdown(function)]
    return "\n".join(parts)


def _signature(thing: Any) -> str:
    text = str(inspect.signature(thing))
    return re.sub(r"(?:cmgai_fem|numpy|collections|pathlib|typing)(?:\.\w+)*\.(\w+)", r"\1", text)


def _markdown(thing: Any) -> str:
    """A docstring: Args, Returns, Raises and Source as lists under bold words."""
    lines = []
    for line in (inspect.getdoc(thing) or "").splitlines():
        if found := re.fullmatch(r"(Args|Returns|Raises|Source|Yields):(.*)", line):
            lines += ["", f"**{found[1]}**{found[2]}", ""]
        elif found := re.fullmatch(r"    (\w+): (.*)", line):
            lines.append(f"- `{found[1]}`: {found[2]}")
        elif line.startswith("    "):
            lines.append(f"  {line.strip()}" if lines and lines[-1].startswith(("-", "  ")) else line.strip())
        else:
            lines.append(line)
    return "\n".join([*lines, "", ""])
