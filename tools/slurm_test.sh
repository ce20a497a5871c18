#!/usr/bin/env bash
# tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [option of tools/test.py ...]
# GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS as in mmseg's own script.
set -eu
usage="usage: tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [option ...]"
partition=${1:?$usage} job_name=${2:?$usage} config=${3:?$usage} checkpoint=${4:?$usage}
shift 4
exec bash "$(dirname "$0")/slurm.sh" \
    "$partition" "$job_name" test.py "$config" "$checkpoint" "$@"
