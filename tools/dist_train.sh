#!/usr/bin/env bash
# tools/dist_train.sh CONFIG GPUS [option of tools/train.py ...]
# NNODES, NODE_RANK, MASTER_ADDR and PORT as in mmseg's own script.
set -eu
usage="usage: tools/dist_train.sh CONFIG GPUS [option ...]"
config=${1:?$usage} gpus=${2:?$usage}
shift 2
exec python -m torch.distributed.run \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    --nproc_per_node="$gpus" \
    "$(dirname "$0")/train.py" "$config" --launcher pytorch "$@"
