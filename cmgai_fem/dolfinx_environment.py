"""One import that makes DOLFINx ready, whichever way it was installed.

The `dolfinx-solver-real` wheel has to be imported before dolfinx, petsc4py and slepc4py; with a conda-forge, Debian
or official-image DOLFINx that module does not exist and nothing is needed. Import this module first wherever DOLFINx,
PETSc or SLEPc is used.
"""

import importlib.util
import os

from cmgai_fem.machine import check_forms_compile

# UCX can stop MPI at start in containers without its preferred transports; these three are always there.
os.environ.setdefault("UCX_TLS", "self,sm,tcp")

if importlib.util.find_spec("dolfinx_solver") is not None:
    importlib.import_module("dolfinx_solver")

if importlib.util.find_spec("dolfinx") is None:
    from cmgai_fem.errors import InputError

    raise InputError("DOLFINx is not installed in this environment: run `pip install dolfinx-solver-real`")

check_forms_compile()
