#!/usr/bin/env bash
# tools/slurm_train.sh PARTITION JOB_NAME CONFIG [option of tools/train.py ...]
# GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS as in mmseg's own script.
set -eu
usage="usage: tools/slurm_train.sh PARTITION JOB_NAME CONFIG [option ...]"
partition=${1:?$usage} job_name=${2:?$usage} config=${3:?$usage}
shift 3
exec bash "$(dirname "$0")/slurm.sh" "$partition" "$job_name" train.py "$config" "$@"
