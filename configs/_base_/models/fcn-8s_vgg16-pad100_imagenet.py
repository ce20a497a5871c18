_base_ = './fcn-8s_vgg16-pad100.py'
model = dict(
    # python tools/convert.py vgg16 VGG_ILSVRC_16_layers.caffemodel \
    #     checkpoints/vgg16_caffe.pth
    backbone=dict(
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/vgg16_caffe.pth')
    ),
)
