"""All comparisons on one page: `make benchmark`, or

    python verification/benchmarks/run.py [--quick] [--only NAME ...] [--out FOLDER] [--gpu gpu.json]

Each comparison is a module beside this one with `TITLE`, `NOTE` and `tables(quick)`, rows of figures by heading. A
whole run writes the figures and plots into the folder, and the tables into this folder's README.md between the marks
of each comparison; `--quick` runs small sizes once and leaves the page as it is.
"""

import argparse
import importlib
import json
import os
import platform
import time
import warnings
from pathlib import Path

import timing

HERE = Path(__file__).parent
NAMES = ("reduced", "accuracy", "new_state", "training", "mechanics", "ranks", "transport_scaling", "gpu")
Tables = dict[str, list[timing.Row]]


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    load = os.getloadavg()
    return {
        "cores": len(os.sched_getaffinity(0)),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "python": platform.python_version(),
        "load": [round(one, 1) for one in load],
    }


def told(value: object) -> str:
    """A figure as the page shows it."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def markdown(rows: list[timing.Row]) -> str:
    """Rows as a table; a column that a row lacks stays empty."""
    heads = list(dict.fromkeys(head for row in rows for head in row))
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    lines += ["| " + " | ".join(told(row.get(head, "")) for head in heads) + " |" for row in rows]
    return "\n".join(lines)


def section(found: dict[str, object]) -> str:
    """One comparison on the page."""
    parts = [f"## {found['title']}\n\n{found['note']}"]
    if (where := found["machine"]) is not None:
        parts.append(
            f"{where['cores']} cores, {where['threads']} thread(s) a process; load {where['load'][0]} at the start, "
            f"{found['load at the end']} at the end; {found['seconds']:.0f} s in all."
        )
    for heading, rows in found["tables"].items():
        parts += [f"**{heading}**", markdown(rows)]
    return "\n\n".join(parts)


def insert(page: str, name: str, text: str) -> str:
    """The page with a text between the marks of a comparison."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = page.partition(begin)
    after = rest.partition(end)[2]
    return f"{before}{begin}\n{text}\n{end}{after}"


def plot(found: dict[str, object], path: Path) -> None:
    """Rows against the columns whose heads are numbers, in logarithms; nothing where there are none."""
    from matplotlib.figure import Figure

    for number, (heading, rows) in enumerate(found["tables"].items()):
        sizes = [head for head in rows[0] if head.replace(",", "").isdigit()]
        if len(sizes) < 2:
            continue
        figure = Figure(figsize=(5.0, 3.5), layout="constrained")
        axes = figure.add_subplot(xscale="log", yscale="log", title=heading)
        axes.title.set_fontsize(8)
        for row in rows:
            points = [(int(size.replace(",", "")), row[size]) for size in sizes if isinstance(row.get(size), float)]
            axes.plot(*zip(*points, strict=True), ".-", label=str(next(iter(row.values())))) if points else None
        axes.legend(fontsize=6)
        figure.savefig(path.with_name(f"{path.stem}-{number}.png"), dpi=80)


def run(name: str, quick: bool) -> dict[str, object]:
    """One comparison."""
    # Figures of another machine say by themselves what it was.
    elsewhere = name == "gpu" and "CMGAI_GPU_FIGURES" in os.environ
    start, where = time.perf_counter(), None if elsewhere else machine()
    module = importlib.import_module(name)
    with warnings.catch_warnings():
        # What a rival has to say of its fit is no part of the page.
        warnings.simplefilter("ignore")
        tables = module.tables(quick)
    spent, load = time.perf_counter() - start, round(os.getloadavg()[0], 1)
    return {
        "title": module.TITLE, "note": module.NOTE, "machine": where, "tables": tables, "seconds": spent,
        "load at the end": load,
    }  # fmt: skip


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, once, under a minute")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"), help="folder of figures and plots")
    parser.add_argument("--gpu", type=Path, help="figures that gpu.py wrote on a machine with a GPU")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    page = HERE / "README.md"
    for name in given.only:
        if name == "gpu" and given.gpu:
            os.environ["CMGAI_GPU_FIGURES"] = str(given.gpu.absolute())
        print(f"{name} ...", flush=True)
        found = run(name, given.quick)
        print(section(found) + "\n", flush=True)
        (given.out / f"{name}.json").write_text(json.dumps(found, indent=1))
        plot(found, given.out / name)
        if not given.quick:
            page.write_text(insert(page.read_text(), name, section(found)))


if __name__ == "__main__":
    main()
