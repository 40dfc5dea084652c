"""Named physical groups of gmsh's current model, of every dimension: cells, faces, edges and points."""

import gmsh
import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import IntArray


def physical_groups(mesh: str, dimension: int) -> dict[str, tuple[int, IntArray]]:
    """Dimension and nodes (E, corners and mid-nodes) of the entities of each group; a facet may be in several.

    Args:
        mesh: what to call it in messages.
        dimension: of the cells.

    Returns:
        By name; a group without a name is called by its number.

    Raises:
        InputError: cells without a group or in two, cells of several kinds, or two groups of one name.
    """
    found: dict[str, tuple[int, IntArray]] = {}
    tagged: dict[int, str] = {}
    for own, tag in gmsh.model.getPhysicalGroups():
        name = gmsh.model.getPhysicalName(own, tag) or str(tag)
        if name in found:
            raise InputError(f"{mesh}: two physical groups are called {name!r}: name them apart")
        blocks: dict[int, list[IntArray]] = {}
        for entity in gmsh.model.getEntitiesForPhysicalGroup(own, tag):
            if own == dimension and entity in tagged:
                raise InputError(
                    f"{mesh}: cells of {name!r} are in group {tagged[entity]!r}, too: keep one material group"
                )
            if own == dimension:
                tagged[entity] = name
            for kind, _, nodes in zip(*gmsh.model.mesh.getElements(own, entity), strict=True):
                width = gmsh.model.mesh.getElementProperties(kind)[3]
                blocks.setdefault(kind, []).append(np.asarray(nodes, dtype=np.int64).reshape(-1, width) - 1)
        if len(blocks) != 1:
            what = "has no mesh" if not blocks else "mixes kinds of cells (triangles with quadrilaterals, say)"
            raise InputError(f"{mesh}: the physical group {name!r} {what}")
        found[name] = (own, np.concatenate(next(iter(blocks.values()))))
    cells = [nodes.shape[1] for own, nodes in found.values() if own == dimension]
    if not cells:
        raise InputError(f"{mesh}: no physical group of cells: name the body's material groups")
    if len(set(cells)) > 1:
        raise InputError(f"{mesh}: cells of several kinds: use one kind")
    untagged = [entity for _, entity in gmsh.model.getEntities(dimension) if entity not in tagged]
    if any(len(gmsh.model.mesh.getElements(dimension, entity)[0]) for entity in untagged):
        raise InputError(f"{mesh}: some cells are in no physical group: put every cell in one")
    return found
