"""SPNet's head with its MPMs on DINOv2 ViT-S/14, all of it trained, ADE20K, 512 x 512.

Run:     bash tools/dist_train.sh <this file> 4
         needs timm, whose version in the tests is in constraints-mmpretrain.txt
Result:  not measured; paper: no result with this head
Source:  spnet_dinov2-s14_4xb4-40k_ade20k-512x512
Differs: from it: the backbone trains, in float32; its outputs are not normalised; a
         learning rate of 1e-4, of 1e-5 for the backbone
"""

_base_ = './spnet_dinov2-s14_4xb4-40k_ade20k-512x512.py'
model = dict(
    backbone=dict(
        _delete_=True,
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
)
optim_wrapper = dict(
    optimizer=dict(lr=1e-4),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))),
)
