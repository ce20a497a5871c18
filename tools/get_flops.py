"""Count the parameters and multiply-adds of the network of a config.

python tools/get_flops.py CONFIG --shape 512 1024

Like mmseg's tool of this name, it counts one image and no auxiliary heads. That tool
does not run on mmseg 1.2.2 with mmengine 0.10.7.
"""

import argparse

from networks import build_segmentor, count_channels, load_config

# isort: split
import torch
from mmengine.analysis import get_model_complexity_info
from mmengine.config import DictAction


def main() -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='file, or package::folder/file.py')
    parser.add_argument('--shape', type=int, nargs='+', default=[512, 1024], help='H W')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args()
    cfg = load_config(args.config)
    cfg.merge_from_dict(args.cfg_options)
    model = build_segmentor(cfg)
    model.to('cuda' if torch.cuda.is_available() else 'cpu')
    shape = (count_channels(model), args.shape[0], args.shape[-1])
    counts = get_model_complexity_info(model, shape, show_table=False, show_arch=False)
    print(
        f'Input shape: {shape}\nMultiply-adds: {counts["flops_str"]}\n'
        f'Parameters: {counts["params_str"]}'
    )


if __name__ == '__main__':
    main()
