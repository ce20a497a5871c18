#!/usr/bin/env bash
# tools/dist_test.sh CONFIG CHECKPOINT GPUS [option of tools/test.py ...]
# tools/dist_test.sh RUN GPUS [option of tools/test.py ...]
# NNODES, NODE_RANK, MASTER_ADDR and PORT as in mmseg's own script.
set -eu
usage="usage: tools/dist_test.sh CONFIG CHECKPOINT GPUS [option ...], or RUN GPUS ..."
model=("${1:?$usage}")
shift
if [ ! -d "${model[0]}" ]; then  # a run folder has its checkpoint
    model+=("${1:?$usage}")
    shift
fi
gpus=${1:?$usage}
shift
exec python -m torch.distributed.run \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    --nproc_per_node="$gpus" \
    "$(dirname "$0")/test.py" "${model[@]}" --launcher pytorch "$@"
