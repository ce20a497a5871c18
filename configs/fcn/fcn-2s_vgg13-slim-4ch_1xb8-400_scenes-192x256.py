"""FCN-2s, VGG13 with a quarter of the channels, scenes with near infrared, 192 x 256.

Run:     mmseg-plugins draw-scenes --out data/scenes-4-channels --channels 4, then
         python tools/train.py <this file>
Result:  mIoU 89.4 with seed 0 (88.3 with the first three channels); paper: no result on
         these scenes
Source:  ours, same as fcn-2s_vgg13-slim_1xb8-400_scenes-192x256
Differs: same as there; TIFF files with 4 channels of 12 bits, 300 scenes for training,
         no PhotoMetricDistortion
"""

_base_ = [
    '../_base_/models/fcn-8s_vgg13-slim.py',
    '../_base_/datasets/scenes-4-channels_192x256.py',
    '../_base_/schedules/schedule_400.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(
        type='mmseg_plugins.MultiChannelDataPreProcessor',
        # Measured by: mmseg-plugins channel-stats <this file>
        mean=[2073.28, 2030.78, 1883.85, 950.286],
        std=[988.472, 938.098, 1030.13, 711.368],
        bgr_to_rgb=False,
    ),
    backbone=dict(in_channels=4, out_indices=(0, 1, 2, 3, 4)),
    decode_head=dict(
        in_channels=[16, 32, 64, 128, 128],
        in_index=[0, 1, 2, 3, 4],
        strides=[2, 4, 8, 16, 32],
    ),
)
# test.py --show-dir draws the bands of load_image.
default_hooks = dict(
    visualization=dict(type='mmseg_plugins.MultiChannelVisualizationHook')
)
