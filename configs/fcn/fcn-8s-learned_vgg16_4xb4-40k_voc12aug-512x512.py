"""FCN-8s, VGG16, learned upsampling, Pascal VOC 2012 (aug), 512 x 512 crops.

Run:     bash tools/dist_train.sh <this file> 4
Result:  not measured; paper: 62.2 mIoU on VOC 2012 test (CVPR 2015, Table 3)
Source:  same as fcn-8s_vgg16_4xb4-40k_voc12aug-512x512
Differs: same as there, but with learned deconvolutions; the last one is learned too,
         where the paper keeps it fixed
"""

_base_ = './fcn-8s_vgg16_4xb4-40k_voc12aug-512x512.py'
model = dict(decode_head=dict(upsample='learned'))
