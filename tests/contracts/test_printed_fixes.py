"""A printed fix works: what fails, words of the message, and what the message says."""

import io
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace

import camvid
import networks
import pytest
import torch
from mmengine.config import Config
from mmseg.models.backbones import ResNet
from mmseg.registry import MODELS

from mmseg_plugins.converters import convert_fcn
from mmseg_plugins.hooks import CheckpointCheckHook
from tests.backbones.test_classifier_weights import VGG, make_vgg
from tests.contracts import test_head_options as options
from tests.contracts.cases import BN, MODULES, NETWORKS
from tests.converters.test_fcn import caffe_weights
from tests.decode_heads.comparison import make_samples
from tests.faults import small_run
from tests.hooks.test_unseen_class_check import count, make_batch
from tests.tools.test_camvid_converter import LABELS, SPLITS, colored, save
from tests.tools.test_inspect_model import write
from tests.tools.tiny_training import CONFIG


def module(name: str, **changes: object) -> None:
    arguments = MODULES[name].arguments | changes
    net = MODELS.build(dict(type=f'mmseg_plugins.{name}', **arguments))
    net(MODULES[name].make_input(2, (65, 97)))


def network(name: str, backbone=(), neck=None, auxiliary_head=None, **head) -> None:
    """Train and evaluate a network of NETWORKS with other arguments."""
    cfg = Config(NETWORKS[name] | dict(neck=neck, auxiliary_head=auxiliary_head))
    cfg.merge_from_dict(dict(type='EncoderDecoder', test_cfg=dict(mode='whole')))
    cfg.merge_from_dict(dict(backbone=dict(backbone), decode_head=head))
    model = MODELS.build(cfg._cfg_dict)
    images, labels = torch.randn(2, 3, 56, 56), torch.randint(0, 5, (2, 56, 56))
    losses = model.loss(images, make_samples(labels))
    model.parse_losses(losses)[0].backward()
    meta = dict(img_shape=(56, 56))
    assert model.eval().encode_decode(images, [meta, meta]).isfinite().all()


def head(**changes: object) -> None:
    options.loss_of(options.build('DFAHead', **changes), 'DFAHead').backward()


def freeze_spms(frozen_stages: int) -> None:
    plugin = dict(cfg=dict(type='mmseg_plugins.StripPooling'), position='after_conv2')
    plugin.update(stages=(False, False, True, True))
    model = ResNet(50, base_channels=4, frozen_stages=frozen_stages, plugins=[plugin])
    CheckpointCheckHook().before_train(SimpleNamespace(model=model))


def load_vgg13_bn(**arguments: object) -> None:
    make_vgg(**arguments).load_state_dict(VGG(13, True).state_dict())


def load_fcn(name: str) -> None:
    (config, _), (_, checkpoint) = write(Path(), name), write(Path(), 'fcn')
    networks.load_segmentor(config, checkpoint)


def convert_camvid(arguments: str) -> None:
    with redirect_stderr(io.StringIO()) as printed:
        code = camvid.main(['camvid', '--out', 'out', *arguments.split()])
    if code:
        raise ValueError(printed.getvalue())


def run(stage: str = 'train', **changes: object) -> None:
    """Run one iteration of a training, or its test, with one of three checkpoints."""
    cfg = small_run.make_config(mkdtemp(dir='.'), **{'train_cfg.max_iters': 1})
    for key, value in changes.items():
        cfg.merge_from_dict({key.replace('__', '.'): value})
    runner = small_run.build(cfg)
    this = runner.model.state_dict()
    other = {k: v[:1] if 'conv_seg' in k else v for k, v in this.items()}
    backbone = {f'net.{k}': v for k, v in runner.model.backbone.state_dict().items()}
    for name, weights in dict(this=this, other=other, backbone=backbone).items():
        torch.save(weights, f'{name}.pth')
    getattr(runner, stage)()


fcn, encnet = partial(network, 'fcn-8s'), partial(network, 'encnet')
pad100, alexnet = partial(network, 'fcn-8s-pad100'), partial(network, 'fcn-alexnet')
fcn_head, dfa_head = partial(module, 'FCNSkipHead'), partial(module, 'DFAHead')
enc_head, spnet_head = partial(module, 'EncHead'), partial(module, 'StripPoolingHead')
presence, spnet = partial(module, 'PresenceHead'), partial(module, 'SPNetResNet')
vgg, xception = partial(module, 'FCNVGG'), partial(module, 'XceptionA')
count_rare = partial(count, [make_batch([0]), make_batch([1, 2])])
convert_fcn_16s = partial(convert_fcn, caffe_weights(16))
one_logit, option = options.one_logit, options.option
OHEM, THRESH, SIGMOID = options.OHEM, options.OHEM_THRESH, options.SIGMOID
SOFTMAX, DICE, BINARY = options.SOFTMAX, options.DICE, options.BINARY_LOVASZ

VIT = dict(type='VisionTransformer', img_size=56, embed_dims=8, num_layers=4,
           num_heads=2, out_indices=(0, 1, 2, 3), _delete_=True)  # fmt: skip
FOUR = dict(backbone=VIT, in_channels=[8] * 4, in_index=[0, 1, 2, 3])
LAST = dict(backbone=VIT, in_channels=[8], in_index=[3])
VIT14 = dict(LAST, backbone=dict(VIT, patch_size=14))
FOUR14 = dict(FOUR, backbone=dict(VIT, patch_size=14),
              neck=dict(type='Feature2Pyramid', embed_dim=8, norm_cfg=BN))  # fmt: skip
PIDNET = dict(type='PIDNet', channels=4, ppm_channels=4, _delete_=True)
PID = dict(backbone=PIDNET, in_channels=[8], in_index=[0], strides=[8])
PRESENCE = dict(type='mmseg_plugins.PresenceHead', in_channels=32, in_index=3,
                channels=8, num_classes=5, norm_cfg=BN)  # fmt: skip
ONE_LOGIT_OHEM = one_logit(SIGMOID, sampler=OHEM)
SE = dict(type='mmseg_plugins.SELoss')
FCN8, PART = caffe_weights(8), {'conv5_4.bias': torch.zeros(2)}
AUX = dict(type='FCNHead', in_channels=8, channels=8, num_convs=0, num_classes=12)
THREE = dict(model__auxiliary_head=[AUX, dict(AUX, num_classes=3)])
INIT = dict(type='Pretrained', checkpoint='backbone.pth', prefix='net.')
TO_12 = 'set model.decode_head.num_classes=12 model.auxiliary_head.1.num_classes=12$'

#: A function, arguments that fail, words of its message, and what the message says.
FIXES = [
    (fcn, dict(FOUR, strides=[16, 8, 4, 2]), 'a plain ViT have its patch size as',
     [dict(FOUR, strides=[16] * 4), dict(VIT14, strides=[14])]),
    (fcn, dict(FOUR14, strides=[3.5, 7, 14, 28]), r'14 and 28, give \[4, 8, 16, 32\]',
     [dict(FOUR14, strides=[4, 8, 16, 32])]),
    (fcn, dict(FOUR14, strides=[4, 4, 8, 16]), 'give their own strides',
     [dict(FOUR14, strides=[4, 8, 16, 32])]),
    (fcn, PID, 'returns a list of maps in training', [{}]),
    (encnet, dict(in_index=[1, 2, 4]), 'from 0 to 3', [dict(in_index=[1, 2, 3])]),
    (encnet, dict(in_channels=[8, 8, 8]), r'have \[4, 8, 16, 32\].*in_channels to',
     [dict(in_channels=[8, 16, 32])]),
    (encnet, dict(PRESENCE, _delete_=True), 'use it as auxiliary_head',
     [dict(auxiliary_head=PRESENCE)]),
    (pad100, dict(backbone=dict(pad=1)), r'such as FCNVGG\(pad=100\)', [{}]),
    (pad100, dict(centre=13), 'use 12.5 for VGG', [dict(centre=12.5)]),
    (alexnet, dict(centre=12.25), 'and 13 for AlexNet', [dict(centre=13)]),
    (fcn_head, dict(channels=64), 'left out, or be 8', [{}, dict(channels=8)]),
    (fcn_head, dict(skip_scales=1), 'have 2 entries', [dict(skip_scales=[1, 0.1])]),
    (fcn_head, dict(in_index=[0, 1, -1]), 'from 0', [dict(in_index=[0, 1, 2])]),
    (fcn_head, dict(input_transform='resize_concat'), 'must be left out', [{}]),
    (dfa_head, dict(num_low=5), 'from 0 to 4', [dict(num_low=0), dict(num_low=4)]),
    (enc_head, dict(norm_cfg=dict(type='LN')), 'must be BN, SyncBN, IN or GN',
     [dict(norm_cfg=dict(type='IN')), dict(norm_cfg=dict(type='GN', num_groups=4))]),
    (spnet_head, dict(num_modules=-1), 'at least 0', [dict(num_modules=0)]),
    (spnet_head, dict(reduce_channels=3), 'at least 4', [dict(reduce_channels=4)]),
    (spnet_head, dict(input_transform='multiple_select'), "use 'resize_concat'",
     [dict(input_transform='resize_concat', in_channels=[6], in_index=[0])]),
    (presence, dict(input_transform='resize_concat'), 'takes one level', [{}]),
    (presence, dict(loss_decode=dict(type='CrossEntropyLoss')), 'use_sigmoid=True',
     [dict(loss_decode=SE), dict(loss_decode=dict(SE, criterion=SIGMOID))]),
    (vgg, dict(out_indices=4), 'a list in ascending order', [dict(out_indices=[0, 4])]),
    (xception, dict(out_indices=2), 'a list in ascending', [dict(out_indices=[0, 3])]),
    (xception, dict(out_indices=[0]), 'end with 2 or 3', [dict(out_indices=[0, 2])]),
    (spnet, dict(plugins=[SE]), 'with spm_blocks', [dict(spm_blocks=['all'] * 4)]),
    (spnet, dict(spm_blocks='last'), 'a list of 4', [dict(spm_blocks=['last'] * 4)]),
    (spnet, dict(spm_blocks=[None] * 4), 'for none', [dict(spm_blocks=[[]] * 4)]),
    (head, one_logit(SOFTMAX), 'loss_decode=.*=True., or num_classes=2 without',
     [one_logit(SIGMOID), option(SOFTMAX, num_classes=2)]),
    (head, option(BINARY), "Fix: loss_type='multi_class'", [option(options.LOVASZ)]),
    (head, option(dict(type='BoundaryLoss')), 'such as Cross', [option(SOFTMAX)]),
    (head, option(SIGMOID, sampler=OHEM), 'with use_sigmoid=False, or give thresh',
     [option(SOFTMAX, sampler=OHEM), option(SIGMOID, sampler=THRESH)]),
    (head, one_logit(BINARY, sampler=OHEM), 'sigmoid=True', [ONE_LOGIT_OHEM]),
    (head, one_logit(SIGMOID, sampler=THRESH), 'leave thresh out', [ONE_LOGIT_OHEM]),
    (head, option(DICE, sampler=THRESH), 'leave the sampler out, or use Cross',
     [option(DICE), option(SOFTMAX, sampler=THRESH)]),
    (head, option(dict(SOFTMAX, class_weight=[1] * 4)), 'must have 5',
     [option(dict(SOFTMAX, class_weight=[1] * 5))]),
    (run, dict(load_from='backbone.pth'), 'leave out load_from and set .*, and prefix',
     [dict(model__backbone__init_cfg=INIT), dict(load_from='this.pth')]),
    (run, dict(stage='test', load_from='other.pth'), 'Load a checkpoint of this config',
     [dict(stage='test', load_from='this.pth')]),
    (run, dict(THREE, model__decode_head__num_classes=7), TO_12,
     [dict(THREE, model__decode_head__num_classes=12,
           model__auxiliary_head__1__num_classes=12)]),
    (freeze_spms, dict(frozen_stages=4), 'below its', [dict(frozen_stages=2)]),
    (count_rare, dict(num_images=1), 'larger num_images', [dict(num_images=2)]),
    (load_vgg13_bn, {}, 'depth, widths and norm', [dict(depth=13, with_norm=True)]),
    (convert_fcn, dict(state_dict=FCN8 | PART), 'that alone', [dict(state_dict=FCN8)]),
    (convert_fcn, dict(state_dict=PART), 'give all weights', [dict(state_dict=FCN8)]),
    (convert_fcn_16s, dict(at_once=True), 'use the converter fcn', [{}]),
    (convert_camvid, '', 'give --form color', ['--form color']),
    (networks.load_config, 'nowhere.py', 'give a file, or package::folder/file.py',
     [str(CONFIG), 'mmseg::fcn/fcn_r50-d8_4xb2-40k_cityscapes-512x1024.py']),
    (load_fcn, 'encnet', 'give the config it was trained with', ['fcn']),
]  # fmt: skip


@pytest.mark.parametrize(('function', 'wrong', 'words', 'fixes'), FIXES)
def test_a_printed_fix_works(function, wrong, words, fixes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for split in SPLITS:  # labels in colours, in the folders of the other form
        save(tmp_path / f'camvid/{split}/0.png', colored(LABELS))
        save(tmp_path / f'camvid/{split}annot/0.png', colored(LABELS))

    by_name = isinstance(wrong, dict)
    with pytest.raises(ValueError, match=words):
        function(**wrong) if by_name else function(wrong)
    for fix in fixes:
        function(**fix) if by_name else function(fix)
