"""FCN-8s, VGG16, Pascal VOC 2012 (aug), trained at once with the mean of the loss.

Run:     python tools/train.py <this file>
Result:  not measured; paper: 65.4 mIoU on seg11valid, with the sum (authors' README)
Source:  as fcn-8s-atonce_vgg16-pad100_1xb1-300k_voc12aug-whole
Differs: as there; mean over the labelled pixels instead of their sum: 1e-10 times the
         1.8e5 pixels of a VOC image is 1.8e-5, and momentum 0.9 instead of 0.99 makes
         it 1.8e-4; a weight decay of 5e-4 / 1.8e5 is next to nothing, here 0; small
         images weigh as much as large ones
"""

_base_ = './fcn-8s-atonce_vgg16-pad100_1xb1-300k_voc12aug-whole.py'
model = dict(decode_head=dict(loss_decode=dict(reduction='mean')))
optim_wrapper = dict(optimizer=dict(lr=1.8e-4, momentum=0.9, weight_decay=0.0))
