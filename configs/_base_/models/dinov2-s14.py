"""DINOv2 ViT-S/14 of timm, frozen in bfloat16; four levels of 384 channels, stride 14.

Crops are padded to multiples of 14 pixels, and so are images in the test.
"""

model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        size=(518, 518),
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        test_cfg=dict(size_divisor=14),
    ),
    backbone=dict(
        type='mmseg_plugins.FrozenBackbone',
        dtype='bfloat16',
        normalize=True,
        backbone=dict(
            type='TIMMBackbone',
            model_name='vit_small_patch14_dinov2',
            pretrained=False,
            out_indices=(2, 5, 8, 11),
            dynamic_img_size=True,
            dynamic_img_pad=True,
            init_cfg=dict(
                type='Pretrained', checkpoint='timm://vit_small_patch14_dinov2.lvd142m'
            ),
        ),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
