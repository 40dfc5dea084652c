"""Names that readers know methods by."""

METHOD_NAMES = {
    "fem": "FEM transport",
    "pinn": "PINN transport",
    "independent": "Independent network",
    "linear": "Linear",
    "natural_spline": "Natural cubic spline",
    "not_a_knot": "Not-a-knot cubic spline",
    "polynomial": "Interpolating polynomial",
    "pchip": "PCHIP",
    "pod_rbf": "POD-RBF",
    "pod_gpr": "POD-GPR",
    "fpca_gpr": "FPCA-GPR",
    "thin_plate_spline": "Thin-plate spline",
    "response_surface": "Response surface",
    "grid_spline": "Grid spline",
    "convex_stack": "Convex stack of rivals",
    "optimised_dmd": "Optimised DMD",
    "higher_order_dmd": "Higher-order DMD",
    "operator_inference": "Operator inference",
    "johnson_cook": "Johnson–Cook",
    "zerilli_armstrong": "Zerilli–Armstrong",
    "mechanical_threshold": "Mechanical threshold stress",
}


def method_name(method: str) -> str:
    """The name that readers know a method by."""
    return METHOD_NAMES.get(method, method)


def method_in_words(method: str) -> str:
    """The name of a method within a sentence."""
    if method == "linear":
        return "linear interpolation"
    name = method_name(method)
    return name if name[1:2].isupper() else f"the {name[:1].lower()}{name[1:]}"
