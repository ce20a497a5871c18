"""FCN-32s on AlexNet in the authors' geometry: the first layer pads by 100 pixels."""

model = dict(
    type='EncoderDecoder',
    # Caffe's weights want BGR images minus a mean, without a std. The numbers are those
    # of voc_layers.py in shelhamer/fcn.berkeleyvision.org.
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[104.00698793, 116.66876762, 122.67891434],
        std=[1.0, 1.0, 1.0],
        bgr_to_rgb=False,
        pad_val=0,
        seg_pad_val=255,
        size_divisor=1,
    ),
    backbone=dict(type='mmseg_plugins.FCNAlexNet', dropout_ratio=0.5),
    decode_head=dict(
        type='mmseg_plugins.FCNPad100Head',
        in_channels=[4096],
        in_index=[0],
        strides=[32],
        num_classes=21,
        # Pixel of the image at the centre of the first cell of the feature map. For
        # VGG16 it is 12.5, the default.
        centre=13,
        align_corners=False,
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
