#!/usr/bin/env bash
# A Grid Engine array of workers for `predict --engine array`; needs neither Ray nor submitit.
#   qsub -t 1-100 deploy/grid_engine_array.sh OUTPUT.csv.shards/manifest.json
# Task I of N does the shards I-1, I-1+N, ... that are not done; submit it again for what is left.
#$ -N agescope
#$ -cwd
#$ -l h_vmem=8G
#$ -l h_rt=24:00:00
#$ -r y
set -euo pipefail
manifest=${1:?give the manifest.json that predict --engine array named}
cd "${AGESCOPE_HOME:-.}"
export OMP_NUM_THREADS="${NSLOTS:-1}"
first=${SGE_TASK_FIRST:-1}
last=${SGE_TASK_LAST:?submit it with -t 1-N}
exec "${AGESCOPE_PYTHON:-.venv/bin/python}" -m core predict-shard --manifest "$manifest" \
    --shard "$((${SGE_TASK_ID:?} - first))" --step "$((last - first + 1))"
