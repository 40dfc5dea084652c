"""What the machine must have is said before any work is done."""

import os
import subprocess
import sys

import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.machine import check_forms_compile, compiler


def test_no_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    check_forms_compile()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compiler() is None
    with pytest.raises(InputError, match=r"no C compiler.*apt-get install gcc"):
        check_forms_compile()
    # Forms that were compiled before are enough.
    (tmp_path / "fenics" / "libffcx_forms.so").touch()
    check_forms_compile()


def test_no_place_for_compiled_forms(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="set XDG_CACHE_HOME"):
        check_forms_compile()


def test_a_home_that_cannot_be_written_is_one_line_of_matplotlib(tmp_path):
    (tmp_path / "file").touch()
    home = {"HOME": str(tmp_path / "file"), "TMPDIR": str(tmp_path)}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MPL", "XDG_"))} | home
    code = "from cmgai_fem.machine import shorten_matplotlib; shorten_matplotlib(); import matplotlib.pyplot"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    said = [line for line in done.stderr.splitlines() if "font cache" not in line]
    assert said == ["cmgai-fem: pictures begin slowly: set MPLCONFIGDIR to a folder that can be written"]
