"""CamVid, rotated crops of 360 x 480, for EncNet and SPNet.

The steps of PyTorch-Encoding's training, with the rotation of EncNet's paper, which the
code dropped.
"""

_base_ = './camvid_360x480.py'
train_pipeline = [
    dict(type='mmseg_plugins.SeedByPosition'),
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomResize', scale=(480, 360), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomRotate', prob=1.0, degree=10.0, pad_val=0, seg_pad_val=255),
    # Pad takes (width, height), RandomCrop takes (height, width).
    dict(type='Pad', size=(480, 360), pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=(360, 480)),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
