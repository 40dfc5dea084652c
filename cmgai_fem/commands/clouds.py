"""`cmgai-fem generate --clouds`: clouds of samples at unseen states of a user's own files."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from cmgai_fem.commands.provenance import made_now
from cmgai_fem.distributions.clouds import GeneratedClouds, generate_clouds
from cmgai_fem.errors import InputError
from cmgai_fem.files.cloud_files import ENDINGS, CloudFiles, read_clouds, write_cloud
from cmgai_fem.files.file_values import value_text
from cmgai_fem.files.outputs import check_replaceable
from cmgai_fem.files.trust import printable
from cmgai_fem.files.writers import check_folder


def generate_from_clouds(
    paths: Sequence[Path],
    at: Sequence[float],
    out: Path,
    *,
    coordinate: str = "state",
    values: Sequence[float] | None = None,
    values_from: str | None = None,
    force: bool = False,
    report: Callable[[str], None] = print,
) -> list[Path]:
    """Generate clouds at unseen states and write them.

    Args:
        paths: a file a state, or one table with a column of the state coordinate; see `read_clouds`.
        at: states to generate.
        out: the file to write (.csv, .npz or .vtp); with several states its name must hold "{value}".
        coordinate: name of the state coordinate.
        values: state of each file, where the files do not tell it.
        values_from: regular expression that finds the state in the file names.
        force: results may replace files that this program did not write.
        report: takes lines of progress.

    Raises:
        InputError: files, states or output are not usable.
        ConvergenceError: a coupling was not solved to its optimum.
    """
    if not at:
        raise InputError("say at which state to generate: --at VALUE")
    if len(at) > 1 and "{value}" not in out.name:
        raise InputError(f"{len(at)} states go to several files: put {{value}} into the name given to --out")
    if out.suffix.lower() not in ENDINGS:
        raise InputError(f"{printable(str(out))}: clouds are written as {', '.join(ENDINGS)}")
    check_folder(out)
    targets = [out.with_name(out.name.replace("{value}", value_text((value,)))) for value in at]
    for target in targets:
        check_replaceable(target, paths, force=force)
    files = read_clouds(paths, coordinate)
    states = _states(paths, files, values, values_from)
    listed = ", ".join(f"{value:g}" for value in sorted(states))
    sizes = sorted({len(cloud) for cloud in files.clouds})
    counts = "/".join(map(str, sizes))
    report(f"{len(states)} clouds at {coordinate} = {listed}; {counts} samples, coupled by optimal transport")
    if len(sizes) > 1:
        report(f"clouds of unlike size: rows are taken again or left out at random to make {len(files.clouds[0])}")
    made = generate_clouds(files.clouds, states, list(at))
    for line in (*distance_table(made), *([made.finding] if made.finding else [])):
        report(line)
    for value, target, motion in zip(at, targets, made.chosen, strict=True):
        facts = {
            **made_now(),
            "coordinate": coordinate,
            "value": float(value),
            "known": [{"file": path.name} for path in paths],
            **made.describe(),
        }
        write_cloud(target, made.at(value), files.columns, facts)
        report(f"{coordinate} = {value:g}: {printable(str(target))} ({motion})")
    return targets


def distance_table(made: GeneratedClouds) -> list[str]:
    """Wasserstein distances to the clouds left out, by motion, least first, for each side of the known clouds."""
    lines = []
    for side, found in made.left_out.items():
        lines.append(f"distances W1, W2 to clouds left out, {side} the known ones:")
        width = max(map(len, found))
        for name, one in sorted(found.items(), key=lambda row: row[1].first):
            lines.append(f"  {name:<{width}}  {one.first:.4g}  {one.second:.4g}")
    return lines


def _states(
    paths: Sequence[Path], files: CloudFiles, values: Sequence[float] | None, values_from: str | None
) -> list[float]:
    """State of each cloud: as given, as its file says, or as its name does."""
    if values is not None:
        if len(values) != len(files.clouds):
            raise InputError(f"--values: {len(values)} states for {len(files.clouds)} clouds")
        return list(values)
    if values_from is not None:
        found = [re.search(values_from, path.name) for path in paths]
        for path, match in zip(paths, found, strict=True):
            if match is None or not match.groups():
                raise InputError(f"{printable(path.name)}: --values-from {values_from!r} finds no group in its name")
        return [float(match[1]) for match in found if match is not None]
    told = [value for value in files.values if value is not None]
    if len(told) < len(files.clouds):
        missing = paths[files.values.index(None)] if len(paths) == len(files.values) else paths[0]
        raise InputError(f"{printable(missing.name)}: does not say its state: give --values, or --values-from")
    return told
