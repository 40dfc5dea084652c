"""Compilation of forms for speed."""

from typing import Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
from dolfinx import fem

# Assembly of quadratic tetrahedra took 0.80 s instead of 1.24 s with these. `-march=native` would save another tenth
# and is left out: the cache of compiled forms may be shared by machines with different processors.
COMPILER_FLAGS = ["-O3", "-ffast-math"]


def compile_form(form: Any) -> fem.Form:
    """Compile a UFL form (or a list of them)."""
    return fem.form(form, jit_options={"cffi_extra_compile_args": COMPILER_FLAGS})
