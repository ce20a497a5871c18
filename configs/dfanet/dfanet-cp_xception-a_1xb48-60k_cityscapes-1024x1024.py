"""DFANet-A in less memory, Cityscapes, 1024 x 1024 crops, the paper's recipe.

Run:     python tools/train.py <this file>
Result:  not measured; paper: 71.9 mIoU val (Table 4), 71.3 test (Table 5)
Source:  as dfanet_xception-a_4xb12-60k_cityscapes-1024x1024
Differs: as there; the stages are computed again in the backward pass, with the same
         numbers, so that one GPU has to hold less of the batch
"""

_base_ = './dfanet_xception-a_4xb12-60k_cityscapes-1024x1024.py'
model = dict(backbone=dict(with_cp=True))
train_dataloader = dict(batch_size=48)
