"""The backbone of SPNet: a dilated ResNet with strip pooling modules in its blocks.

Paper: Hou et al., "Strip Pooling: Rethinking Spatial Pooling for Scene Parsing", CVPR
2020, https://arxiv.org/abs/2003.13328, Sec. 3.3 and 4.1.
Code:  houqb/SPNet, models/resnet.py, MIT and non-commercial; differs here in: depths
18, 34 and 152, and SPMs wherever they are wanted.
"""

from collections.abc import Sequence
from typing import Any, Literal

from mmseg.models.backbones import ResNet
from mmseg.models.backbones.resnet import BasicBlock, Bottleneck
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmseg_plugins.layers import StripPooling
from mmseg_plugins.registry import MODELS

Placement = Literal['last', 'all'] | Sequence[int]


@MODELS.register_module()
class SPNetResNet(ResNet):
    """mmseg's ResNet with output stride 8, multi-grid and strip pooling modules (SPMs).

    An SPM, ``layerL.i.spm``, gates what enters a block's last convolution: in the
    bottlenecks of depths 50 to 152 the 3 x 3's output, as in the paper; in the basic
    blocks of depths 18 and 34, of which the paper has none, the first 3 x 3's output.

    The host's checkpoints load: SPMs keep their random values.
    ``open-mmlab://resnet50_v1c`` and its like need ``stem_channels=64``, plain ResNets
    ``deep_stem=False`` besides.

    Args:
        depth: 18, 34, 50, 101 or 152.
        spm_blocks: For each stage the blocks with an SPM: 'last', 'all', or their
            indices, from 0 on; an empty list for none. The default is the paper's.
        stem_channels: Of the stem; 128 is the authors', 64 is OpenMMLab's.
        deep_stem: Whether the stem is three 3 x 3 convolutions, not one 7 x 7.
        strides: Of the stages.
        dilations: Of the stages.
        multi_grid: Dilations of the last stage's blocks, at least as many as it has.
        contract_dilation: Whether a stage's first block has half the dilation.
        zero_init_residual: Whether blocks start as the identity; not the authors'.
        **kwargs: See mmseg's ``ResNet``.

    Raises:
        ValueError: If ``depth`` is none of those, or ``spm_blocks`` has not one entry
            per stage or names a block that is not there, or there are ``plugins``.
    """

    def __init__(
        self,
        depth: int = 50,
        *,
        spm_blocks: Sequence[Placement] = ('last', 'last', 'last', 'all'),
        stem_channels: int = 128,
        deep_stem: bool = True,
        strides: Sequence[int] = (1, 2, 1, 1),
        dilations: Sequence[int] = (1, 1, 2, 4),
        multi_grid: Sequence[int] | None = (4, 8, 16),
        contract_dilation: bool = True,
        zero_init_residual: bool = False,
        **kwargs: Any,
    ) -> None:
        if depth not in self.arch_settings:
            depths = ', '.join(map(str, self.arch_settings))
            raise ValueError(f'depth={depth} is none of {depths}')
        if kwargs.get('plugins'):
            raise ValueError(
                f'plugins={kwargs["plugins"]}: the only plugins here are the SPMs, '
                'placed by spm_blocks'
            )
        stage_blocks = self.arch_settings[depth][1][: len(strides)]
        self.spm_blocks = _block_indices(spm_blocks, stage_blocks)
        super().__init__(
            depth,
            stem_channels=stem_channels,
            deep_stem=deep_stem,
            strides=strides,
            dilations=dilations,
            multi_grid=multi_grid,
            contract_dilation=contract_dilation,
            zero_init_residual=zero_init_residual,
            **kwargs,
        )

    def train(self, mode: bool = True) -> 'SPNetResNet':
        """Set the mode, and return the net, which the host forgets."""
        super().train(mode)
        return self

    def make_res_layer(self, *, block: type, planes: int, **kwargs: Any) -> nn.Module:
        """Build the next stage, with its SPMs; the host calls it."""
        if block is BasicBlock:
            block = SPMBasicBlock
        stage = super().make_res_layer(block=block, planes=planes, **kwargs)
        for index in self.spm_blocks[len(self.res_layers)]:
            _add_spm(stage[index], StripPooling(planes, self.conv_cfg, self.norm_cfg))
        return stage


class SPMBasicBlock(BasicBlock):
    """The host's basic block, with room for an SPM before its second convolution."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.spm: nn.Module = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) as the host's block does, with the SPM in between."""
        if self.with_cp and x.requires_grad:
            return checkpoint(self._forward, x, use_reentrant=False)
        return self._forward(x)

    def _forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.spm(self.relu(self.norm1(self.conv1(x))))
        return self.relu(self.norm2(self.conv2(out)) + identity)


def _add_spm(block: Bottleneck | SPMBasicBlock, spm: StripPooling) -> None:
    block.spm = spm
    if isinstance(block, Bottleneck):  # the host's plugins= are for all of a stage
        block.with_plugins = True
        block.after_conv1_plugin_names = []
        block.after_conv2_plugin_names = ['spm']
        block.after_conv3_plugin_names = []


def _block_indices(
    spm_blocks: Sequence[Placement], stage_blocks: Sequence[int]
) -> list[list[int]]:
    """Return for each stage the indices of its blocks with an SPM."""
    if len(spm_blocks) != len(stage_blocks):
        raise ValueError(
            f'spm_blocks={spm_blocks} must have {len(stage_blocks)} entries, one per '
            'stage'
        )
    chosen = []
    for entry, count in zip(spm_blocks, stage_blocks, strict=True):
        words = {'last': [count - 1], 'all': [*range(count)]}
        indices = words.get(entry, []) if isinstance(entry, str) else [*entry]
        if isinstance(entry, str) and entry not in words:
            raise ValueError(
                f"spm_blocks={spm_blocks}: {entry!r} is not 'last' or 'all'"
            )
        if any(not 0 <= index < count for index in indices):
            raise ValueError(
                f'spm_blocks={spm_blocks}: {entry} names a block that a stage of '
                f'{count} blocks does not have'
            )
        chosen.append(indices)
    return chosen
