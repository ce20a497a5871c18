"""The backbone of SPNet: a dilated ResNet with strip pooling modules in its blocks.

Paper: Hou et al., "Strip Pooling: Rethinking Spatial Pooling for Scene Parsing", CVPR
2020, https://arxiv.org/abs/2003.13328, Sec. 3.3 and 4.1.
Code:  houqb/SPNet, models/resnet.py, MIT and non-commercial; differs here in: depths
18, 34 and 152, and the choice of the blocks with an SPM.
"""

from collections.abc import Sequence
from typing import Any, Literal

from mmseg.models.backbones import ResNet
from mmseg.models.backbones.resnet import BasicBlock, Bottleneck
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmseg_plugins.layers import StripPooling
from mmseg_plugins.registry import MODELS

from .base_backbone import check_frozen_stages, fit_input_channels

Placement = Literal['last', 'all'] | Sequence[int]


@MODELS.register_module()
class SPNetResNet(ResNet):
    """mmseg's ResNet with output stride 8, multi-grid and strip pooling modules (SPMs).

    An SPM, ``layerL.i.spm``, gates the input of a block's last convolution. Checkpoints
    of mmseg's ResNets load; SPMs keep their initial values, and train even in stages
    that ``frozen_stages`` freezes.
    ``open-mmlab://resnet50_v1c`` and the like need ``stem_channels=64``, plain ResNets
    ``deep_stem=False`` as well.

    Args:
        depth: 18, 34, 50, 101 or 152.
        spm_blocks: Blocks with an SPM, one entry per stage: 'last', 'all', or a list of
            indices that start at 0. The default is the paper's.
        in_channels: Channels of the image; see :func:`fit_input_channels`.
        open_gates: Whether the gates of the SPMs start open; see ``StripPooling``.
        stem_channels: Channels of the stem; 128 in the authors' code, 64 in
            OpenMMLab's checkpoints.
        deep_stem: This and all other arguments: see mmseg's ``ResNet``. The defaults
            are those of the authors' code.

    Raises:
        ValueError: If ``depth`` is unknown, ``spm_blocks`` does not fit the stages,
            ``plugins`` is given, or another argument is out of its range.
    """

    def __init__(
        self,
        depth: int = 50,
        *,
        spm_blocks: Sequence[Placement] = ('last', 'last', 'last', 'all'),
        in_channels: int = 3,
        open_gates: bool = True,
        stem_channels: int = 128,
        deep_stem: bool = True,
        strides: Sequence[int] = (1, 2, 1, 1),
        dilations: Sequence[int] = (1, 1, 2, 4),
        multi_grid: Sequence[int] | None = (4, 8, 16),
        contract_dilation: bool = True,
        frozen_stages: int = -1,
        zero_init_residual: bool = False,
        **kwargs: Any,
    ) -> None:
        if depth not in self.arch_settings:
            depths = ', '.join(map(str, self.arch_settings))
            raise ValueError(f'depth={depth}: must be one of {depths}')
        if kwargs.get('plugins'):
            raise ValueError(
                f'plugins={kwargs["plugins"]}: the only plugins of this backbone are '
                'the SPMs; place them with spm_blocks'
            )
        check_frozen_stages(frozen_stages, len(strides))
        num_blocks = self.arch_settings[depth][1][: len(strides)]
        self.spm_indices = _block_indices(spm_blocks, num_blocks)
        self.in_channels = in_channels
        self.open_gates = open_gates
        super().__init__(
            depth,
            in_channels=in_channels,
            stem_channels=stem_channels,
            deep_stem=deep_stem,
            strides=strides,
            dilations=dilations,
            multi_grid=multi_grid,
            contract_dilation=contract_dilation,
            frozen_stages=frozen_stages,
            zero_init_residual=zero_init_residual,
            **kwargs,
        )

    def train(self, mode: bool = True) -> 'SPNetResNet':
        """Set the mode and return the backbone; mmseg's method returns None."""
        super().train(mode)
        return self

    def make_res_layer(self, *, block: type, planes: int, **kwargs: Any) -> nn.Module:
        """Build the next stage with its SPMs; mmseg's ``ResNet`` calls this."""
        if block is BasicBlock:
            block = SPMBasicBlock
        stage = super().make_res_layer(block=block, planes=planes, **kwargs)
        num_stages_built = len(self.res_layers)
        for index in self.spm_indices[num_stages_built]:
            spm = StripPooling(planes, self.conv_cfg, self.norm_cfg, self.open_gates)
            _add_spm(stage[index], spm)
        return stage

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        first = 'stem.0.weight' if self.deep_stem else 'conv1.weight'
        fit_input_channels(state_dict, prefix + first, self.in_channels)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _freeze_stages(self) -> None:
        super()._freeze_stages()
        # No checkpoint of a ResNet has weights of the SPMs.
        for module in self.modules():
            if isinstance(module, StripPooling):
                module.requires_grad_(True).train(self.training)


class SPMBasicBlock(BasicBlock):
    """mmseg's basic block with an optional SPM before its second convolution."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.spm: nn.Module = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) as mmseg's block does, with the SPM in between."""
        if self.with_cp and x.requires_grad:
            return checkpoint(self._forward, x, use_reentrant=False)
        return self._forward(x)

    def _forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.spm(self.relu(self.norm1(self.conv1(x))))
        return self.relu(self.norm2(self.conv2(out)) + identity)


def _add_spm(block: Bottleneck | SPMBasicBlock, spm: StripPooling) -> None:
    block.spm = spm
    if isinstance(block, Bottleneck):
        # mmseg's plugins argument would place an SPM in all blocks of a stage.
        block.with_plugins = True
        block.after_conv1_plugin_names = []
        block.after_conv2_plugin_names = ['spm']
        block.after_conv3_plugin_names = []


def _block_indices(
    spm_blocks: Sequence[Placement], num_blocks: Sequence[int]
) -> list[list[int]]:
    """Return for each stage the indices of its blocks with an SPM."""
    if not isinstance(spm_blocks, (list, tuple)) or len(spm_blocks) != len(num_blocks):
        raise ValueError(
            f'spm_blocks={spm_blocks!r}: must be a list of {len(num_blocks)} entries, '
            'one per stage'
        )
    indices = []
    for entry, count in zip(spm_blocks, num_blocks, strict=True):
        words = {'last': [count - 1], 'all': list(range(count))}
        is_word = isinstance(entry, str) and entry in words
        if not is_word and not isinstance(entry, (list, tuple, range)):
            raise ValueError(
                f"spm_blocks={spm_blocks}: {entry!r} must be 'last', 'all' or a list "
                'of indices, [] for none'
            )
        blocks = words[entry] if is_word else list(entry)
        if any(not 0 <= index < count for index in blocks):
            raise ValueError(
                f'spm_blocks={spm_blocks}: {entry} must be from 0 to {count - 1}, as '
                f'the stage has {count} blocks'
            )
        indices.append(blocks)
    return indices
