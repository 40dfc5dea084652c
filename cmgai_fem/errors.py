"""Errors that the command line turns into one line and an exit code."""


class CmgaiError(Exception):
    """Base of every error that this package raises on purpose; its text is the one line that the user reads."""


class InputError(CmgaiError, ValueError):
    """Bad input: a file, key, state or option. The text names it and says what to do. Exit code 2."""


class ConvergenceError(CmgaiError, RuntimeError):
    """A solver did not reach its tolerance. The text names the solver and the state. Exit code 1."""
