"""Shell completion installs into a home folder, and bash completes commands and options by it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = "from cmgai_fem.cli import main; main()"
ASK = """source {script}
COMP_LINE="cmgai-fem {typed}"
COMP_WORDS=($COMP_LINE); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_POINT=${{#COMP_LINE}}
_cmgai_fem
echo "${{COMPREPLY[@]}}"
"""
PLACES = {
    "bash": ".local/share/bash-completion/completions/cmgai-fem",
    "zsh": ".zsh/completions/_cyclopts_cmgai-fem",
    "fish": ".config/fish/completions/cmgai-fem.fish",
}


def install(home: Path, shell: str) -> Path:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")} | {"HOME": str(home)}
    command = [sys.executable, "-c", COMMAND, "--install-completion", "--shell", shell]
    subprocess.run(command, env=environment, check=True, timeout=120)
    return home / PLACES[shell]


@pytest.mark.parametrize("shell", PLACES)
def test_completion_installs_into_home_and_names_every_command(tmp_path, shell):
    text = install(tmp_path, shell).read_text(encoding="utf-8")
    for word in ("generate", "compare", "verify", "solve", "find", "suggest", "info", "example", "doctor", "tolerance"):
        assert word in text


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(("typed", "whole"), [("gen", "generate"), ("compare --tol", "--tolerance")])
def test_bash_completes_commands_and_options(tmp_path, typed, whole):
    script = install(tmp_path, "bash")
    ask = ["bash", "-c", ASK.format(script=script, typed=typed)]
    assert subprocess.run(ask, capture_output=True, text=True, check=True, timeout=60).stdout.split() == [whole]
