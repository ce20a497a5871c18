"""SPNet's head with its MPMs on a frozen DINOv3 ViT-B/16, ADE20K, 512 x 512 crops.

Run:     bash tools/dist_train.sh <this file> 4
         needs timm, whose version in the tests is in constraints-mmpretrain.txt
Result:  not measured; paper: no result with this head
Source:  spnet_dinov3-s16_4xb4-40k_ade20k-512x512
Differs: from it: ViT-B instead of ViT-S; the other recipes change in the same way
"""

_base_ = './spnet_dinov3-s16_4xb4-40k_ade20k-512x512.py'
model = dict(
    backbone=dict(
        backbone=dict(
            model_name='vit_base_patch16_dinov3',
            init_cfg=dict(checkpoint='timm://vit_base_patch16_dinov3.lvd1689m'),
        ),
    ),
    decode_head=dict(in_channels=768),
)
