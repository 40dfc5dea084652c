"""The image's packages with their hashes: requirements.lock without what only tests need, for Debian's Python 3.13.

python docker/lock.py        # asks the package index for names and hashes; downloads no package that it need not open
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

from cmgai_fem.writing import write_text

ROOT = Path(__file__).parents[1]
# Every tag that a system with glibc 2.41 takes: pip derives none of them from another.
PLATFORMS = ["manylinux2014_x86_64", "linux_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in range(17, 42))]
TARGET = ["--python-version", "3.13", "--only-binary", ":all:", "--target", "-"]
HEAD = "# Made by `python docker/lock.py` from requirements.lock: Python 3.13 on Linux x86_64, with hashes.\n"


def lock() -> str:
    """The resolved packages, one a line."""
    asked = [line.split(";")[0].strip(' ",') for line in _dependencies()]
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    command += [
        *TARGET,
        *(f"--platform={tag}" for tag in PLATFORMS),
        "--constraint",
        str(ROOT / "requirements.lock"),
        *asked,
    ]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    lines = sorted(
        f"{one['metadata']['name']}=={one['metadata']['version']}"
        f" --hash=sha256:{one['download_info']['archive_info']['hashes']['sha256']}\n"
        for one in report["install"]
    )
    return HEAD + "".join(lines)


def _dependencies() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["dolfinx"]]


if __name__ == "__main__":
    write_text(ROOT / "docker" / "requirements.lock", lock())
