"""What the machine must have is said before any work is done."""

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
