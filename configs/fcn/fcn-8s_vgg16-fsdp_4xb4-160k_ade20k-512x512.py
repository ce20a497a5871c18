"""FCN-8s, VGG16, ADE20K, 512 x 512 crops, weights sharded over the GPUs (FSDP).

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: no result on ADE20K
Source:  fcn-8s_vgg16_4xb4-160k_ade20k-512x512 for all but the sharding
Differs: from there: FlexibleRunner of mmengine and its FSDPStrategy, extended so that a
         training can resume; docs/distributed.md says what was tested
"""

_base_ = './fcn-8s_vgg16_4xb4-160k_ade20k-512x512.py'
runner_type = 'FlexibleRunner'
strategy = dict(
    type='mmseg_plugins.fsdp.ResumableFSDPStrategy',
    # Layers with at least 10 million weights are wrapped one by one: fc6 and fc7, which
    # have 103 and 17 of the 135 million weights.
    model_wrapper=dict(
        auto_wrap_policy=dict(
            type='torch.distributed.fsdp.wrap.size_based_auto_wrap_policy',
            min_num_params=10_000_000,
        )
    ),
    state_dict_cfg='full',  # one checkpoint file, as in any other training
)
