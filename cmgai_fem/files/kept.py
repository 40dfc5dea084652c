"""Arrays and facts in one .safetensors file: versioned, checked, never pickle."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from cmgai_fem.errors import InputError
from cmgai_fem.files.trust import check_memory, check_readable, printable
from cmgai_fem.files.writers import write_file

VERSION = 3


def write_kept(path: Path, kind: str, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Write a file, complete or not at all.

    Args:
        path: the file.
        kind: what it is, for its reader.
        facts: plain data.
        arrays: by name.

    Returns:
        Its digest, by which `read_kept` knows it.
    """
    text = json.dumps(facts, allow_nan=False)
    kept = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
    digest = digest_of(text, kept)
    header = {"format": kind, "version": str(VERSION), "facts": text, "sha256": digest}
    write_file(path, save(kept, header))
    return digest


def read_kept(path: Path, kind: str, digest: str = "") -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Facts and arrays of a file.

    Args:
        path: the file.
        kind: what it must be.
        digest: that it must have; its own by default.

    Raises:
        InputError: it is missing, damaged, of another version, or something else; see `damaged` for the rest.
    """
    check_readable(path)
    check_memory(path, 2 * path.stat().st_size)
    name = printable(str(path))
    with safe_open(path, framework="numpy") as stored:
        header = stored.metadata() or {}
        _check_kind(name, header, kind)
        arrays = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
    if digest_of(header["facts"], arrays) != (digest or header["sha256"]):
        raise InputError(f"{name}: damaged model: its contents are not those that were written")
    for key, array in arrays.items():
        if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
            raise InputError(f"{name}: damaged model: {printable(key)} holds numbers that are not finite")
    return json.loads(header["facts"], parse_float=_finite, parse_constant=_finite), arrays


def kind_of(path: Path) -> str:
    """What a file of `write_kept` says that it is; empty where it is none."""
    try:
        with safe_open(path, framework="numpy") as stored:
            return (stored.metadata() or {}).get("format", "")
    except (SafetensorError, OSError):
        return ""


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Whatever goes wrong while a file is read, and what is made of it, as one line that names it."""
    name = printable(str(path))
    try:
        yield
    except InputError as error:
        raise error if str(error).startswith(name) else InputError(f"{name}: damaged model: {error}") from None
    except (SafetensorError, KeyError, ValueError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise InputError(f"{name}: damaged model: {printable(' '.join(str(error).split()))}") from None


def digest_of(facts: str, arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of everything that is kept."""
    digest = hashlib.sha256(facts.encode())
    for key in sorted(arrays):
        array = arrays[key]
        digest.update(f"{key} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _check_kind(name: str, header: Mapping[str, str], kind: str) -> None:
    if header.get("format") != kind:
        raise InputError(f"{name}: is no {kind} of this program: generate one with --save-model")
    if header.get("version") != str(VERSION):
        raise InputError(
            f"{name}: model of version {printable(str(header.get('version')))}, this program reads version {VERSION}: "
            "generate it anew with --save-model"
        )


def _finite(text: str) -> float:
    number = float(text)
    if not np.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number
