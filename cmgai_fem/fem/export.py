"""A motion under a law as plain named arrays, and back: what a model file keeps of it."""

from collections.abc import Mapping

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.fem.modal_curves import ModalAmplitudes, ModalCurve, SplineAmplitudes
from cmgai_fem.motions.state_splines import StateElements
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.solution import ModalPath, Solution


def export_motion(solution: Solution) -> dict[str, Array]:
    """Everything that the motion of a solution is made of, as float64 arrays; `motion_from_arrays` reads them.

    Raises:
        InputError: the solution is not a modal one of the finite elements.
    """
    path = solution.path
    if not isinstance(path, ModalPath) or not isinstance(path.amplitudes, ModalAmplitudes | SplineAmplitudes):
        raise InputError(f"field {solution.problem.field!r}: only modal motions are kept, this one is none")
    arrays = {"origin": path.origin, "shapes": path.shapes}
    if isinstance(path.amplitudes, SplineAmplitudes):
        return arrays | _elements("splines", path.amplitudes.elements)
    for index, curve in enumerate(path.amplitudes.curves):
        arrays |= _elements(f"curve/{index}", curve.elements)
        arrays[f"curve/{index}/coefficients"] = curve.coefficients
    return arrays


def motion_from_arrays(arrays: Mapping[str, Array]) -> ModalPath:
    """The motion that `export_motion` took apart."""
    if "splines/knots" in arrays:
        return ModalPath(arrays["origin"], arrays["shapes"], SplineAmplitudes(_read_elements("splines", arrays)))
    count = len({key.split("/")[1] for key in arrays if key.startswith("curve/")})
    curves = tuple(
        ModalCurve(_read_elements(f"curve/{index}", arrays), arrays[f"curve/{index}/coefficients"])
        for index in range(count)
    )
    return ModalPath(arrays["origin"], arrays["shapes"], ModalAmplitudes(curves))


def _elements(name: str, elements: StateElements) -> dict[str, Array]:
    return {f"{name}/knots": elements.knots, f"{name}/degree": np.array([float(elements.degree)])}


def _read_elements(name: str, arrays: Mapping[str, Array]) -> StateElements:
    return StateElements(arrays[f"{name}/knots"], int(arrays[f"{name}/degree"].item()))
