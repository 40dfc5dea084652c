"""What each kind of input has, cell by cell: a test that shows it, or a command that refuses it in one line."""

import ast
import re
from pathlib import Path

import pytest
from bodies import block

from cmgai_fem.cli import main

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "options.md"
KINDS = ("one coordinate", "several", "curves", "specimens")
# By capability, for each kind: a test, or the options that are refused; "" where there is nothing to ask.
CELLS: dict[str, tuple[str, str, str, str]] = {
    "error estimate": (
        "commands/test_generate.py::test_error_estimate_is_written_beside_the_field",
        "calibration/test_rule.py::test_over_two_coordinates_the_estimate_holds_and_falls_to_nothing_at_a_state",
        "curves/test_generate_curves.py::"
        "test_along_a_line_the_error_grows_with_the_distance_and_none_is_trusted_farther_than_tested",
        "commands/test_distribution.py::test_the_command_and_python_give_the_same",
    ),
    "word of trust": (
        "calibration/test_trust.py::test_a_suspected_state_takes_the_trust_away",
        "commands/test_several_coordinates.py::test_a_field_of_second_degree_comes_back_from_the_command_line",
        "curves/test_generate_curves.py::test_extrapolation_farther_than_any_left_out_state_is_not_trusted",
        "commands/test_distribution.py::test_the_command_and_python_give_the_same",
    ),
    "rivals beside": (
        "commands/test_generate.py::test_left_out_errors_stand_beside_those_of_the_rivals",
        "rivals/test_rivals_over_several.py::test_reduced_rivals_are_good_on_smooth_states",
        "verification/test_stress_strain.py::test_one_case_from_file_to_page",
        "distributions/test_cloud_laws.py::test_rivals_are_what_they_are_called",
    ),
    "bounds": (
        "commands/test_generate.py::test_bounds_hold_for_the_rivals_too",
        "calibration/test_space_calibration.py::"
        "test_bounds_hold_along_the_coordinates_that_they_are_declared_for",
        "curves/test_curve_table.py::test_the_user_says_whether_a_curve_hardens",
        "distributions/test_field_law.py::test_every_atom_is_drawn_as_often_as_the_others_and_keeps_its_bounds",
    ),
    "networks, too": (
        "study/test_generation.py::test_both_transports_generate_a_smooth_field_and_agree",
        "pinn/test_pinn_state_space.py::test_networks_find_the_least_force",
        "curves/test_curve_table.py::test_networks_generate_the_curve_of_the_finite_elements",
        "--method pinn",
    ),
    "sensors": (
        "files/test_sensors.py::test_every_sensor_is_honoured_even_where_the_states_say_otherwise",
        "commands/test_several_coordinates.py::test_sensors_tell_a_state_of_two_coordinates",
        "curves/test_readings.py::test_a_few_points_tell_the_level_of_a_curve",
        "commands/test_distribution.py::test_one_specimen_that_was_measured_in_part",
    ),
    "cheap model": (
        "commands/test_cheap.py::test_sensors_and_a_cheap_model_together",
        "calibration/test_guided.py::test_over_two_coordinates_and_another_mesh",
        "curves/test_cheap_curves.py::test_from_the_command_line",
        "--cheap c.vtu",
    ),
    "model file": (
        "calibration/test_laws_of_motion.py::test_a_model_file_keeps_the_law",
        "commands/test_several_coordinates.py::test_a_model_file_gives_the_same_field",
        "files/test_curve_models.py::test_a_kept_model_gives_the_same_curves_to_the_last_bit",
        "files/test_law_models.py::test_a_kept_model_gives_the_same_laws_to_the_last_bit",
    ),
    "a page": (
        "study/test_report.py::test_stress_of_a_block_is_shown_as_it_was_generated",
        "study/test_report.py::test_on_a_line_and_over_two_coordinates_there_are_pictures",
        "study/test_curve_report.py::test_the_page_tells_of_every_curve",
        "study/test_law_report.py::test_the_page_shows_three_levels_of_every_state",
    ),
    "goes on after a kill": (
        "commands/test_generate.py::test_resume_keeps_what_is_finished",
        "pinn/test_pinn_state_space.py::test_interrupted_trainings_go_on_motion_by_motion",
        "curves/test_curve_table.py::test_a_killed_training_goes_on_to_the_same_digits",
        "distributions/test_training.py::test_a_killed_training_goes_on_to_the_same_digits",
    ),
    "own study by path, --set, --quick": (
        "study/test_study_run.py::test_a_study_by_its_path_leaves_figures_facts_and_a_page",
        "study/test_study_file.py::test_a_study_of_several_coordinates_is_read_and_its_states_are_split",
        "verification/test_stress_strain.py::test_one_case_from_file_to_page",
        "verification/test_multimodal.py::test_quick_study_holds_its_tolerances",
    ),
    "--ablate": (
        "study/test_ablation.py::test_every_part_is_changed_and_the_choice_is_marked",
        "study/test_ablation.py::test_with_several_coordinates_order_and_kind_of_motion_are_changed",
        "study/test_curve_ablation.py::test_every_part_of_a_line_is_changed",
        "commands/test_distribution.py::test_what_each_part_is_worth_is_told",
    ),
    "a law with stiffness": (
        "fem/test_nonlinear.py::test_linear_laws_agree_with_the_krylov_transport",
        "--stiffness 1e-3",
        "--stiffness 1e-3",
        "--stiffness 1e-3",
    ),
}  # fmt: skip


def is_test(cell: str) -> bool:
    return "::" in cell


def cells(shown: bool) -> list[tuple[str, str, str]]:
    return [
        (name, kind, cell)
        for name, row in CELLS.items()
        for kind, cell in zip(KINDS, row, strict=True)
        if is_test(cell) is shown
    ]


@pytest.mark.parametrize(("name", "kind", "cell"), cells(True))
def test_what_is_there_has_a_test(name: str, kind: str, cell: str) -> None:
    file, _, function = cell.partition("::")
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, (name, kind)


def command(kind: str, folder: Path) -> list[str]:
    """A request that would be answered but for what is added to it."""
    if kind == "curves":
        rows = [f"{state},{strain},{100 + strain * state}" for state in (300, 400, 500, 600) for strain in (0.1, 0.2)]
        (folder / "tests.csv").write_text("\n".join(["temperature [K],strain,stress [MPa]", *rows]))
        return ["generate", "tests.csv", "--at", "450", "--out", "out.csv"]
    grid = block()
    for x in range(3):
        for y in range(3):
            grid.point_data["u"] = x * grid.points[:, 0] + y
            grid.save(folder / f"x={x}_y={y}.vtu")
    files = sorted(str(file) for file in folder.glob("x=*.vtu"))
    if kind == "specimens":
        one = ["--distribution", "--coordinate", "x", "--values-from", r"x=(\d)"]
        return ["generate", *files, *one, "--field", "u", "--at", "1.5", "--out", "out.vtu"]
    both = ["--coordinate", "x", "--coordinate", "y", "--values-from", r"x=(\d)_y=(\d)"]
    return ["generate", *files, *both, "--field", "u", "--at", "0.5:0.5", "--out", "out.vtu"]


@pytest.mark.parametrize(("name", "kind", "cell"), cells(False))
def test_what_is_not_there_is_refused_in_one_line(name, kind, cell, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    words = cell.split() if cell.startswith("verify") else [*command(kind, tmp_path), *cell.split()]
    with pytest.raises(SystemExit) as ended:
        main(words)
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2, (name, kind, line)
    option = next(word for word in cell.split() if word.startswith("--"))
    assert option.removeprefix("--") in line
    assert not list(tmp_path.glob("out.*"))


def test_the_page_says_so() -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = text[text.index("| | one coordinate | several |") :].split("\n\n")[0]
    told = {cells[0]: cells[1:] for cells in (re.findall(r"[^|]+", line) for line in table.splitlines()[2:])}
    told = {name.strip(): [cell.strip() for cell in row] for name, row in told.items()}
    assert told == {name: ["yes" if is_test(cell) else "refused" for cell in row] for name, row in CELLS.items()}
