#!/usr/bin/env bash
# tools/dist_test.sh CONFIG CHECKPOINT GPUS [option of tools/test.py ...]
# NNODES, NODE_RANK, MASTER_ADDR and PORT as in mmseg's own script.
set -eu
usage="usage: tools/dist_test.sh CONFIG CHECKPOINT GPUS [option ...]"
config=${1:?$usage} checkpoint=${2:?$usage} gpus=${3:?$usage}
shift 3
exec python -m torch.distributed.run \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    --nproc_per_node="$gpus" \
    "$(dirname "$0")/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
