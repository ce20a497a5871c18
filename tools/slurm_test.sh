#!/usr/bin/env bash
# tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [option of tools/test.py ...]
# tools/slurm_test.sh PARTITION JOB_NAME RUN [option of tools/test.py ...]
# GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS as in mmseg's own script.
set -eu
usage="usage: tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [option ...]"
partition=${1:?$usage} job_name=${2:?$usage} model=("${3:?$usage}")
shift 3
if [ ! -d "${model[0]}" ]; then  # a run folder has its checkpoint
    model+=("${1:?$usage}")
    shift
fi
exec bash "$(dirname "$0")/slurm.sh" \
    "$partition" "$job_name" test.py "${model[@]}" "$@"
