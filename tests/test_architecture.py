"""The house: imports run one way, no module serves tests alone, a name has one meaning."""

import ast
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import cmgai_fem

PACKAGE = Path(cmgai_fem.__file__).parent
ROOT = PACKAGE.parent
# From the bottom up; what stands in one line may import each other's files, but no circle of files.
FLOORS = (
    ("errors", "machine", "dolfinx_environment", "progress", "writing"),
    ("states", "metrics", "quadrature", "measures"),
    ("motions",),
    ("transport", "features", "mechanics"),
    ("fem", "pinn"),
    ("solve",),
    ("calibration",),
    ("rivals", "distributions"),
    ("generated", "generate", "generate_distribution", "curves", "files", "picture", "limited", "questions"),
    ("study",),
    ("commands",),
    ("cli",),
    ("__main__",),
)
FLOOR = {name: level for level, names in enumerate(FLOORS) for name in names}
# Started as a process of its own, or asked for by name.
ENTRIES = {
    "cmgai_fem.__main__",
    "cmgai_fem.cli",
    "cmgai_fem.files.reading_process",
    "cmgai_fem.mechanics.reference_process",
    "cmgai_fem.study.fields",
}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in PACKAGE.rglob("*.py") if "verification" not in path.parts}


def imports(path: Path, at_start: bool = False) -> Iterator[str]:
    """Modules of the package that a file imports; `at_start`: when it is imported itself, not in a function later."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes: list[ast.AST] = list(ast.walk(tree))
    if at_start:
        nodes = [node for node in tree.body if not isinstance(node, ast.If)]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "cmgai_fem":
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"
                yield deeper if deeper in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "cmgai_fem")


def part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_run_one_way(module: str) -> None:
    if module == "cmgai_fem":
        return
    assert part(module) in FLOOR, f"{module} has no floor"
    for imported in imports(MODULES[module]):
        if imported != "cmgai_fem":
            assert FLOOR[part(imported)] <= FLOOR[part(module)], f"{module} imports {imported}, which lies above it"


def test_the_two_discretisations_never_import_each_other() -> None:
    for module, path in MODULES.items():
        other = {"fem": "pinn", "pinn": "fem"}.get(part(module))
        assert not [name for name in imports(path) if part(name) == other], module


def test_no_circle_of_files() -> None:
    graph = {module: {name for name in imports(path, True) if name != module} for module, path in MODULES.items()}
    graph.pop("cmgai_fem")
    list(TopologicalSorter({module: names - {"cmgai_fem"} for module, names in graph.items()}).static_order())


def test_torch_and_dolfinx_stay_where_they_are_used() -> None:
    allowed = {"torch": {"pinn", "distributions"}, "dolfinx": {"fem", "mechanics"}}
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                for library, parts in allowed.items():
                    assert name.split(".")[0] != library or part(module) in parts, f"{module} imports {library}"


def test_no_module_serves_tests_alone() -> None:
    used = set(ENTRIES)
    scripts = list((ROOT / "verification").rglob("*.py"))
    for module, path in [*MODULES.items(), *((str(script), script) for script in scripts)]:
        used |= {name for name in imports(path) if name != module}
    text = (PACKAGE / "__init__.py").read_text() + (PACKAGE / "mechanics" / "reference.py").read_text()
    unused = [module for module, path in MODULES.items() if module not in used and path.name != "__init__.py"]
    assert [module for module in unused if f'"{module}' not in text] == []


def test_no_class_is_named_twice() -> None:
    names = Counter(
        node.name
        for path in MODULES.values()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []
