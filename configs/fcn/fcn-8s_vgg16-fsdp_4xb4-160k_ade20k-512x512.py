"""FCN-8s, VGG16, ADE20K, 512 x 512 crops, its weights sharded among the GPUs (FSDP).

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result on ADE20K
Source:  fcn-8s_vgg16_4xb4-160k_ade20k-512x512 for all but the sharding
Differs: mmengine's FlexibleRunner and its FSDPStrategy, made to resume; see
         docs/distributed.md for how far it has been tried
"""

_base_ = './fcn-8s_vgg16_4xb4-160k_ade20k-512x512.py'
runner_type = 'FlexibleRunner'
strategy = dict(
    type='mmseg_plugins.fsdp.ResumableFSDPStrategy',
    # fc6 and fc7, of 103 and 17 of the network's 135 million weights, one by one
    model_wrapper=dict(
        auto_wrap_policy=dict(
            type='torch.distributed.fsdp.wrap.size_based_auto_wrap_policy',
            min_num_params=10_000_000,
        )
    ),
    state_dict_cfg='full',  # one checkpoint, as of any other training
)
