"""DINOv3 ViT-S/16 of timm, frozen in bfloat16; four levels of 384 channels, stride 16.

In the test, images are padded to multiples of 16 pixels.
"""

model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        size=(512, 512),
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        test_cfg=dict(size_divisor=16),
    ),
    backbone=dict(
        type='mmseg_plugins.FrozenBackbone',
        dtype='bfloat16',
        normalize=True,
        backbone=dict(
            type='TIMMBackbone',
            model_name='vit_small_patch16_dinov3',
            pretrained=False,
            out_indices=(2, 5, 8, 11),
            init_cfg=dict(
                type='Pretrained', checkpoint='timm://vit_small_patch16_dinov3.lvd1689m'
            ),
        ),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
