#!/usr/bin/env bash
# A Slurm array of workers for `predict --engine array`; needs neither Ray nor submitit.
#   sbatch --array=0-99 deploy/slurm_array.sh OUTPUT.csv.shards/manifest.json
# Task I of N does the shards I, I+N, I+2N, ... that are not done; submit it again for what is left.
#SBATCH --job-name=agescope
#SBATCH --cpus-per-task=2
#SBATCH --mem=8G
#SBATCH --time=24:00:00
#SBATCH --requeue
set -euo pipefail
manifest=${1:?give the manifest.json that predict --engine array named}
cd "${AGESCOPE_HOME:-${SLURM_SUBMIT_DIR:-.}}"
export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"
first=${SLURM_ARRAY_TASK_MIN:-0}
exec "${AGESCOPE_PYTHON:-.venv/bin/python}" -m core predict-shard --manifest "$manifest" \
    --shard "$((${SLURM_ARRAY_TASK_ID:?submit it with --array} - first))" --step "${SLURM_ARRAY_TASK_COUNT:?}"
