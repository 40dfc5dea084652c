"""A user's own states: snapshots in the files of other programs, generated, compared and completed by sensors."""

from cmgai_fem.files.file_states import FileStates, read_states

__all__ = ["FileStates", "read_states"]
