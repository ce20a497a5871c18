"""EncNet's crops of 480 x 480: the steps of its code, with its paper's rotation."""

rotated_crops = [
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomResize', scale=(520, 520), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomRotate', prob=1.0, degree=10.0, pad_val=0, seg_pad_val=255),
    dict(type='Pad', size=(480, 480), pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=(480, 480)),
    dict(type='PackSegInputs'),
]
