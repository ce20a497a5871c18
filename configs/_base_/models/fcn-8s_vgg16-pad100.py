"""FCN-8s on VGG16 in the authors' geometry: the first layer pads by 100 pixels."""

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
    backbone=dict(
        type='mmseg_plugins.FCNVGG',
        depth=16,
        pad=100,
        out_indices=(2, 3, 4),
        dropout_ratio=0.5,
    ),
    decode_head=dict(
        type='mmseg_plugins.FCNPad100Head',
        in_channels=[256, 512, 4096],
        in_index=[0, 1, 2],
        strides=[8, 16, 32],
        num_classes=21,
        align_corners=False,
        # A sum over pixels, as in the authors' net.py (normalize=False).
        loss_decode=dict(
            type='mmseg_plugins.CrossEntropyLoss', reduction='sum', avg_non_ignore=True
        ),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
