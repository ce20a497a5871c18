#!/usr/bin/env bash
# tools/slurm.sh PARTITION JOB_NAME TOOL [argument of the tool ...]
# Run a tool of this folder as a Slurm job, for slurm_train.sh and slurm_test.sh.
# GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS as in mmseg's own scripts.
set -eu
partition=$1 job_name=$2 tool=$3
shift 3
# SRUN_ARGS has several words, so it is not quoted.
# shellcheck disable=SC2086
exec srun --partition="$partition" --job-name="$job_name" \
    --gres=gpu:"${GPUS_PER_NODE:-4}" --ntasks="${GPUS:-4}" \
    --ntasks-per-node="${GPUS_PER_NODE:-4}" --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    python -u "$(dirname "$0")/$tool" "$@" --launcher slurm
