"""Exodus files: empty blocks, variables of some blocks alone, and tensors split into scalars as MOOSE does."""

import struct

import numpy as np
import pytest
from scipy.io import netcdf_file

from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import read_states
from cmgai_fem.files.readers import read_snapshots

POINTS = np.array([(i / 2, j / 2) for j in range(3) for i in range(3)])
LEFT, RIGHT = [(0, 1, 4, 3), (3, 4, 7, 6)], [(1, 2, 5, 4), (4, 5, 8, 7)]
TIMES = (0.0, 10.0, 50.0)
TENSOR = {"xx": 1.0, "xy": 4.0, "zx": 6.0, "yy": 2.0, "yz": 5.0, "zz": 3.0}


def names(file, variable, dimension, each):
    file.createDimension(dimension, len(each))
    letters = np.array([list(name.ljust(33, "\0")) for name in each], dtype="S1")
    file.createVariable(variable, "c", (dimension, "len_name"))[:] = letters


def write(path, blocks, nodal, elemental=None, on=()):
    """Blocks of quads in the plane; elemental variables on the blocks `on`, counted from 1."""
    with netcdf_file(path, "w", version=2) as file:
        sizes = {"time_step": None, "len_name": 33, "num_dim": 2, "num_nodes": 9, "num_el_blk": len(blocks)}
        for name, size in sizes.items():
            file.createDimension(name, size)
        for axis, letter in enumerate("xy"):
            file.createVariable(f"coord{letter}", "d", ("num_nodes",))[:] = POINTS[:, axis]
        file.createVariable("eb_status", "i", ("num_el_blk",))[:] = [int(bool(block)) for block in blocks]
        for number, block in enumerate(blocks, start=1):
            if block:
                shape = (f"num_el_in_blk{number}", f"num_nod_per_el{number}")
                for name, size in zip(shape, (len(block), 4), strict=True):
                    file.createDimension(name, size)
                connectivity = file.createVariable(f"connect{number}", "i", shape)
                connectivity.elem_type = "QUAD4"
                connectivity[:] = np.array(block) + 1
        file.createVariable("time_whole", "d", ("time_step",))
        names(file, "name_nod_var", "num_nod_var", list(nodal))
        if elemental:
            names(file, "name_elem_var", "num_elem_var", list(elemental))
        for step, time in enumerate(TIMES):
            file.variables["time_whole"][step] = time
            for index, function in enumerate(nodal.values(), start=1):
                if not step:
                    file.createVariable(f"vals_nod_var{index}", "d", ("time_step", "num_nodes"))
                file.variables[f"vals_nod_var{index}"][step] = function(time, POINTS)
            for index, function in enumerate((elemental or {}).values(), start=1):
                for number in on:
                    name = f"vals_elem_var{index}eb{number}"
                    if not step:
                        file.createVariable(name, "d", ("time_step", f"num_el_in_blk{number}"))
                    file.variables[name][step] = function(time, POINTS[np.array(blocks[number - 1])].mean(axis=1))
    return path


def ramp(time, places):
    return 10.0 * time + places[:, 0]


@pytest.mark.parametrize("suffix", [".e", ".ex2"])
@pytest.mark.parametrize("blocks", [[[], LEFT, RIGHT], [LEFT, [], RIGHT], [LEFT, RIGHT, []]])
def test_empty_blocks_are_no_damage(tmp_path, blocks, suffix):
    on = [number for number, block in enumerate(blocks, start=1) if block]
    read = read_snapshots(write(tmp_path / f"a{suffix}", blocks, {"T": ramp}, {"r": ramp}, on))
    assert [state.time for state in read] == list(TIMES)
    for state in read:
        np.testing.assert_allclose(state.grid["T"], ramp(state.time, np.asarray(state.grid.points)))
        np.testing.assert_allclose(state.grid.cell_data["r"], ramp(state.time, state.grid.cell_centers().points))


def test_a_variable_of_one_block_is_unknown_elsewhere(tmp_path):
    path = write(tmp_path / "a.e", [LEFT, RIGHT], {"T": ramp}, {"q": ramp}, (2,))
    with pytest.raises(InputError, match=r"2 of 4 cells have no number in some state.*--where-known"):
        read_states(path, field="q")
    states = read_states(path, field="q", where_known=True)
    np.testing.assert_allclose(states.labels.positions[:, 0], 0.75)
    np.testing.assert_allclose(states.field("q").values[:, :, 0], ramp(np.array(TIMES)[:, None], np.full((2, 1), 0.75)))
    assert states.grid(q=np.ones(2)).n_cells == 2
    assert "2 of 4 labels" in states.notes[-1]


def test_scalars_that_are_one_tensor(tmp_path):
    nodal = {f"stress_{axes}": lambda time, places, value=value: time * value + 0.0 * places[:, 0]
             for axes, value in TENSOR.items()}  # fmt: skip
    nodal |= {"disp_x": ramp, "disp_y": ramp, "temp_1": ramp, "temp_2": ramp, "part_x": ramp}
    state = read_snapshots(write(tmp_path / "a.e", [LEFT, RIGHT], nodal))[-1]
    assert state.grid["stress"][0].tolist() == [50.0 * value for value in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)]
    assert set(state.grid.point_data) == {"stress", "disp", "temp_1", "temp_2", "part_x"}


def wide(path, classic):
    """A classic file as CDF-5: the same bytes of data, a header whose counts have 64 bits, connectivity of 64 bits."""
    head: list[bytes] = []

    def number(value, form=">q"):
        head.append(struct.pack(form, value))

    def text(value):
        number(len(value))
        head.append(value + b"\0" * (-len(value) % 4))

    def tag(value, items):
        number(value if items else 0, ">i")
        number(len(items))

    def header(begins):
        head.clear()
        head.append(b"CDF\x05")
        number(len(TIMES))
        tag(10, dimensions)
        for name, size in dimensions.items():
            text(name.encode())
            number(size or 0)
        tag(0, [])
        tag(11, variables)
        for name, begin in zip(variables, begins, strict=True):
            values = variables[name]
            text(name.encode())
            number(len(values.dimensions))
            for one in values.dimensions:
                number(list(dimensions).index(one))
            kinds = [getattr(values, "elem_type", b"")] * name.startswith("connect")
            tag(12, kinds)
            for kind in kinds:
                text(b"elem_type")
                number(2, ">i")
                text(kind)
            number({"c": 2, "i": 10, "d": 6}[values.typecode()], ">i")
            number(len(data[name]) if values.dimensions[0] != "time_step" else len(data[name]) // len(TIMES))
            number(begin)
        return b"".join(head)

    with netcdf_file(classic, "r", mmap=False) as file:
        dimensions = dict(file.dimensions)
        records = {name for name, one in file.variables.items() if one.dimensions[0] == "time_step"}
        variables = dict(sorted(file.variables.items(), key=lambda item: item[0] in records))
        data = {
            name: np.asarray(one[...]).astype({"c": "S1", "i": ">i8", "d": ">f8"}[one.typecode()]).tobytes()
            for name, one in variables.items()
        }
        data = {name: content + b"\0" * (-len(content) % 4) for name, content in data.items()}
        start, begins = len(header([0] * len(variables))), []
        for name in variables:
            begins.append(start)
            start += len(data[name]) // (len(TIMES) if name in records else 1)
        fixed = b"".join(data[name] for name in variables if name not in records)
        sizes = {name: len(data[name]) // len(TIMES) for name in records}
        rows = [
            data[name][step * sizes[name] : (step + 1) * sizes[name]]
            for step in range(len(TIMES))
            for name in variables
            if name in records
        ]
        path.write_bytes(header(begins) + fixed + b"".join(rows))
    return path


def test_counts_of_64_bits(tmp_path):
    path = wide(tmp_path / "w.e", write(tmp_path / "a.e", [LEFT, RIGHT], {"T": ramp}, {"r": ramp}, (1, 2)))
    for state in read_snapshots(path):
        np.testing.assert_allclose(state.grid["T"], ramp(state.time, np.asarray(state.grid.points)))
        np.testing.assert_allclose(state.grid.cell_data["r"], ramp(state.time, state.grid.cell_centers().points))
    for end in range(5, path.stat().st_size - 1, 97):
        cut = tmp_path / "cut.e"
        cut.write_bytes(path.read_bytes()[:end])
        with pytest.raises(InputError):
            read_snapshots(cut)
