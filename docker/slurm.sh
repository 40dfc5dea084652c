#!/bin/bash
# One job of a cluster, distributed over its tasks; run from the folder that holds .venv, or say where that is in CMGAI_BIN:
#   sbatch --nodes 2 --ntasks-per-node 32 docker/slurm.sh generate run_*.pvtu --values-from 'T=(\d+)' --coordinate temperature --field stress --at 325 --out run_325.pvtu
#   sbatch --ntasks 32 docker/slurm.sh solve bracket.toml --at 400 --out bracket_400.vtu
#   sbatch --ntasks 32 docker/slurm.sh verify thermal-stress
#SBATCH --job-name=cmgai-fem
#SBATCH --cpus-per-task=1
#SBATCH --time=01:00:00
#SBATCH --output=cmgai-fem-%j.log
set -euo pipefail
bin=${CMGAI_BIN:-$PWD/.venv/bin}
tasks=${SLURM_NTASKS:?start it by sbatch, or say SLURM_NTASKS=N}
# One task a core. Weak forms are compiled once, into a folder that all nodes see.
export OMP_NUM_THREADS=1 XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache}
# The environment's own mpiexec starts ranks on the job's nodes; solve and verify call it for their reference solves.
case "${1:?say generate, solve or verify}" in
  generate) exec "$bin/mpiexec" -n "$tasks" "$bin/cmgai-fem" "$@" ;;
  solve | verify) exec "$bin/cmgai-fem" "$@" --ranks "$tasks" ;;
  *) echo "docker/slurm.sh distributes generate, solve and verify, not $1" >&2; exit 2 ;;
esac
