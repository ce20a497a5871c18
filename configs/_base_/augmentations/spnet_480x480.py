"""SPNet's crops of 480 x 480: the steps of its code after the random scale."""

mean = (103.53, 116.28, 123.675)  # of the images, in BGR: padding becomes zero
blur = dict(
    type='RandomApply', transforms=[dict(type='mmseg_plugins.GaussianBlur')], prob=0.5
)
blurred_crops = [
    dict(type='RandomRotate', prob=0.5, degree=10.0, pad_val=mean, seg_pad_val=255),
    blur,
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=(480, 480), pad_val=dict(img=mean, seg=255)),
    dict(type='RandomCrop', crop_size=(480, 480)),
    dict(type='PackSegInputs'),
]
