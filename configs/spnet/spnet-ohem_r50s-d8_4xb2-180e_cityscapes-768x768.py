"""SPNet, OHEM, ResNet-50 of deep stem, Cityscapes, 768 x 768 crops.

Run:     tools/dist_train.sh <this file> 4
         ImageNet weights: docs/spnet.md, "Weights"
Result:  not measured; the authors' code: no result published with OHEM
Source:  as spnet_r50s-d8_4xb2-180e_cityscapes-768x768; OHEM: util/loss.py, which the
         code left unused later
Differs: as there; at least 100 000 pixels kept of each image, not of each batch, and
         the loss divided by all labelled pixels, not by those kept, as the host does;
         no weights of classes; no OHEM in the auxiliary head
"""

_base_ = './spnet_r50s-d8_4xb2-180e_cityscapes-768x768.py'
model = dict(
    decode_head=dict(
        sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=100000)
    ),
)
