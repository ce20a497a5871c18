"""Embedded street scenes, drawn from seeds: nothing to download.

Held-out scenes have seeds that no training scene has.
"""

_base_ = './loaders.py'
crop_size = (192, 256)
scenes = dict(type='mmseg_plugins.SyntheticSceneDataset', size=crop_size)
train_pipeline = [
    dict(type='mmseg_plugins.LoadSyntheticScene'),
    *_base_.flip_distort_pack,
]
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(scenes, num_scenes=4000, first_seed=0, pipeline=train_pipeline),
)
# The host's own steps, which read scene:// addresses too: the host's inference on image
# files looks for them by name.
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
val_dataloader = dict(
    num_workers=1,
    dataset=dict(scenes, num_scenes=40, first_seed=1_000_000, pipeline=test_pipeline),
)
test_dataloader = val_dataloader
tta_scales = [
    dict(type='Resize', scale_factor=0.75, keep_ratio=True),
    dict(type='Resize', scale_factor=1.0, keep_ratio=True),
    dict(type='Resize', scale_factor=1.25, keep_ratio=True),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            tta_scales,
            _base_.tta_flips,
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
