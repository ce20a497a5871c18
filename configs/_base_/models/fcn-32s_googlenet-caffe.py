"""FCN-32s on GoogLeNet as in the paper: local response normalisation, no batch norm."""

model = dict(
    type='EncoderDecoder',
    # Caffe's weights want BGR images minus a mean, without a std. The numbers are those
    # of bvlc_googlenet/train_val.prototxt in BVLC/caffe.
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[104.0, 117.0, 123.0],
        std=[1.0, 1.0, 1.0],
        bgr_to_rgb=False,
        pad_val=0,
        seg_pad_val=255,
    ),
    backbone=dict(
        type='mmseg_plugins.FCNGoogLeNet',
        out_indices=(4,),
        norm_cfg=None,
        # python tools/convert.py googlenet bvlc_googlenet.caffemodel \
        #     checkpoints/googlenet.pth
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/googlenet.pth'),
    ),
    decode_head=dict(
        type='mmseg_plugins.FCNSkipHead',
        in_channels=[1024],
        in_index=[0],
        strides=[32],
        num_classes=21,
        dropout_ratio=0.4,  # the classifier's
        align_corners=False,
        loss_decode=dict(type='mmseg_plugins.CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
