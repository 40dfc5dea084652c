"""A user's own states: snapshots in the files of other programs, generated, compared and completed by sensors."""

from cmgai_fem.files.file_states import FileStates, read_scattered_states, read_states

__all__ = ["FileStates", "read_scattered_states", "read_states"]
