"""CamVid, 11 classes, rotated, 480 x 360; made by tools/dataset_converters/camvid.py.

The augmentation of EncNet's code, with its paper's rotation.
"""

_base_ = './camvid_360x480.py'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomResize', scale=(480, 360), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomRotate', prob=1.0, degree=10.0, pad_val=0, seg_pad_val=255),
    # Pad's size is (width, height), RandomCrop's (height, width)
    dict(type='Pad', size=(480, 360), pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=(360, 480)),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
