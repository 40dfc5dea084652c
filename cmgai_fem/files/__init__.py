"""A user's own states: snapshots in the files of other programs, generated, compared and completed by sensors."""
