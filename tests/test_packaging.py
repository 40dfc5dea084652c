"""What installs the package says the same: pyproject.toml, requirements.lock, the image's lock, environment.yml."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Names that conda-forge has for packages of PyPI.
CONDA = {
    "gmsh": "python-gmsh",
    "matplotlib": "matplotlib-base",
    "torch": "pytorch",
    "dolfinx-solver-real": "fenics-dolfinx",
}


def pins(file: str) -> dict[str, str]:
    text = (ROOT / file).read_text(encoding="utf-8")
    return {name.lower().replace("_", "-"): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.M)}


def wanted(extra: str = "") -> list[tuple[str, str]]:
    entries = [*PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] if extra else [])]
    return [re.match(r"([\w.-]+)\s*(.*)", entry).groups() for entry in entries]  # type: ignore[union-attr]


def test_the_image_has_the_versions_of_the_lock_with_their_hashes_and_no_tools_of_developers():
    image, lock = pins("docker/requirements.lock"), pins("requirements.lock")
    assert {name: lock.get(name) for name in image} == image
    assert {name for name, _ in wanted("dolfinx")} <= set(image)
    assert not {"ruff", "mypy", "pytest", "pip"} & set(image)
    lines = (ROOT / "docker" / "requirements.lock").read_text(encoding="utf-8").splitlines()[1:]
    assert all(re.fullmatch(r"\S+==\S+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)


@pytest.mark.parametrize(("name", "bounds"), wanted("dolfinx"))
def test_conda_asks_for_what_the_project_asks_for(name: str, bounds: str):
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert re.search(rf"^  - {re.escape(CONDA.get(name, name))} {re.escape(bounds)}$", text, re.MULTILINE)
