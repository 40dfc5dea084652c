"""`cmgai-fem verify`: a study from its file to its verdicts, shown on the terminal."""

from cmgai_fem.commands.terminal import show, show_text_table, show_verdicts
from cmgai_fem.errors import InputError
from cmgai_fem.study.run import Options, run_study


def verify(study: str, options: Options) -> int:
    """Run a study and show what it found.

    Args:
        study: a shipped study's name, or a path.
        options: what is asked for beside.

    Returns:
        0 if all its tolerances hold, else 1.
    """
    check_device(options.device)
    found, folder = run_study(study, options, show)
    for line in found.advice:
        show(line)
    for section in found.sections:
        for table in section.tables:
            if table.terminal and table.rows:
                show_text_table(table, section.title)
    show_verdicts(found.verdicts)
    show(f"report: {folder / 'report.html'}")
    return 0 if found.passed else 1


def check_device(device: str) -> None:
    """Refuse a GPU that is not there."""
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise InputError("--device cuda: torch finds no CUDA device here; use --device cpu")
