"""The doctor: everything it names is looked at, and what is missing comes with a remedy."""

import shutil

import pytest

from cmgai_fem.commands import doctor as module
from cmgai_fem.commands.doctor import doctor


@pytest.fixture
def without_rendering(monkeypatch):
    monkeypatch.setattr(module, "_rendering", lambda: module.Finding("off-screen rendering", "works", True))


def test_rows(without_rendering):
    rows = {row.name: row for row in doctor()}
    for name in ("Python", "DOLFINx", "torch", "VTK", "MPI", "PETSc solvers", "C compiler (DOLFINx's forms)", "GPU"):
        assert rows[name].found
    assert rows["Python"].works
    assert all(row.remedy for row in rows.values() if row.works is False)


def test_missing_compiler_and_package(without_rendering, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *arguments, **options: None)
    monkeypatch.setattr(module, "PACKAGES", (("nothing", "no-such-distribution", "pip install nothing", True),))
    rows = {row.name: row for row in doctor()}
    assert rows["C compiler (DOLFINx's forms)"].works is False
    assert "gcc" in rows["C compiler (DOLFINx's forms)"].remedy
    assert rows["nothing"].found == "missing"
    assert rows["nothing"].remedy == "pip install nothing"


def test_a_dolfinx_that_is_too_old_is_no_dolfinx(without_rendering, monkeypatch):
    monkeypatch.setattr(module.importlib.metadata, "version", lambda name: "0.9.0")
    (row,) = [row for row in doctor() if row.name == "DOLFINx"]
    assert row.works is False
    assert row.found == "0.9.0 is too old: no dolfinx.io.gmsh" and "dolfinx" in row.remedy
