"""FCN-8s, VGG16, ADE20K, 512 x 512 crops, its weights sharded among the GPUs (FSDP).

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result on ADE20K
Source:  fcn-8s_vgg16_4xb4-160k_ade20k-512x512 for all but the sharding
Differs: mmengine's FlexibleRunner and FSDPStrategy; see docs/distributed.md for how far
         it has been tried
"""

_base_ = [
    '../_base_/models/fcn-8s_vgg16.py',
    '../_base_/datasets/ade20k.py',
    '../_base_/schedules/schedule_160k.py',
    '../_base_/default_runtime.py',
]
crop_size = (512, 512)
model = dict(
    data_preprocessor=dict(size=crop_size),
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='mmcls://vgg16')),
    decode_head=dict(num_classes=150),
)
optim_wrapper = dict(optimizer=dict(lr=0.001))
runner_type = 'FlexibleRunner'
strategy = dict(
    type='FSDPStrategy',
    # fc6 and fc7, of 103 and 17 of the network's 135 million weights, one by one
    model_wrapper=dict(
        auto_wrap_policy=dict(
            type='torch.distributed.fsdp.wrap.size_based_auto_wrap_policy',
            min_num_params=10_000_000,
        )
    ),
    state_dict_cfg='full',  # one checkpoint, as of any other training
)
