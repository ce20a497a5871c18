"""Pascal VOC 2012 with the annotations of SBD, whole images, one at a time.

FCN's authors train and test without augmentation (voc_layers.py).
"""

_base_ = './pascal_voc12_aug.py'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    _base_.load_labels,
    dict(type='PackSegInputs'),
]
test_pipeline = train_pipeline
train_dataloader = dict(
    batch_size=1,
    dataset=dict(
        datasets=[
            dict(_base_.dataset_train, pipeline=train_pipeline),
            dict(_base_.dataset_aug, pipeline=train_pipeline),
        ],
    ),
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
