import re
from types import SimpleNamespace

import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.model import BaseTTAModel
from mmseg.datasets import BaseSegDataset
from mmseg.models.decode_heads import FCNHead
from torch import nn
from torch.nn.parallel import DataParallel
from torch.utils.data import DataLoader

from mmseg_plugins.hooks import NumClassCheckHook
from tests.hooks.binary_training import (
    CLASSES,
    HEADS,
    SIGMOID,
    CrackDataset,
    log_of,
    make_runner,
    write_data,
)


class ElevenClasses(BaseSegDataset):
    METAINFO = dict(classes=tuple('abcdefghijk'))  # noqa: RUF012

    def load_data_list(self):
        return [dict(img_path='x.jpg')]


DATA = ElevenClasses()
TWO_CLASSES = ElevenClasses(metainfo=dict(classes='ab'))


class Model(nn.Module):
    def __init__(self, decode_head, auxiliary_head=None):
        super().__init__()
        self.decode_head = decode_head
        self.auxiliary_head = auxiliary_head

    def test_step(self, data):
        raise NotImplementedError


class TTAModel(BaseTTAModel):
    def merge_preds(self, data_samples_list):
        raise NotImplementedError


def head(num_classes, **kwargs):
    options = dict(in_channels=4, channels=4, num_convs=0) | kwargs
    return FCNHead(num_classes=num_classes, **options)


def check(model, dataset=None, stage='train', loop='train'):
    """Run the hook before ``stage``; only ``loop`` has a dataset, if one is given."""
    loops = dict(train_loop=None, val_loop=None, test_loop=None)
    if dataset is not None:
        loops[f'{loop}_loop'] = SimpleNamespace(dataloader=DataLoader(dataset))
    runner = SimpleNamespace(model=model, **loops)
    getattr(NumClassCheckHook(), f'before_{stage}')(runner)


@pytest.mark.parametrize(
    ('stage', 'loop'),
    [('train', 'train'), ('train', 'val'), ('val', 'val'), ('test', 'test')],
)
def test_each_stage_checks_its_datasets(stage, loop):
    check(Model(head(11), head(11)), DATA, stage, loop)
    with pytest.raises(ValueError, match='has 11 classes'):
        check(Model(head(19)), DATA, stage, loop)


def test_all_wrong_heads_are_named():
    model = Model(head(19), nn.ModuleList([head(11), head(7)]))
    with pytest.raises(ValueError, match='set') as error:
        check(model, DATA)
    assert str(error.value) == (
        'model.decode_head.num_classes=19, model.auxiliary_head.1.num_classes=7: '
        'ElevenClasses has 11 classes; '
        'set model.decode_head.num_classes=11 model.auxiliary_head.1.num_classes=11'
    )


@pytest.mark.parametrize('data', [ConcatDataset([DATA]), RepeatDataset(DATA, times=2)])
def test_wrappers_are_removed(data):
    model = DataParallel(TTAModel(Model(head(19))))
    with pytest.raises(ValueError, match=r'^model\.decode_head.* has 11 classes'):
        check(model, data)


@pytest.mark.parametrize(
    ('model', 'dataset'),
    [
        (Model(head(2, out_channels=1)), TWO_CLASSES),
        (Model(head(1, loss_decode=SIGMOID)), TWO_CLASSES),
        (Model(head(11), head(2, out_channels=1)), DATA),
        (Model(head(19)), BaseSegDataset(lazy_init=True)),
        (Model(head(19)), [1, 2]),
    ],
    ids=['binary', 'one logit', 'boundary head', 'no class names', 'no metainfo'],
)
def test_what_cannot_be_wrong_passes(model, dataset):
    check(model, dataset)


@pytest.mark.parametrize(
    ('wrong', 'dataset', 'num_classes'),
    [
        (head(1), TWO_CLASSES, 2),  # softmax of one logit
        (head(1, loss_decode=SIGMOID), DATA, 11),
        (head(2, out_channels=1, loss_decode=SIGMOID), DATA, 11),
    ],
)
def test_a_head_with_one_logit_gets_as_many_logits_as_classes(
    wrong, dataset, num_classes
):
    key = 'model.decode_head'
    fix = f'set {key}.num_classes={num_classes} {key}.out_channels={num_classes}'
    with pytest.raises(ValueError, match=f'{fix}$'):
        check(Model(wrong), dataset)
    check(Model(head(num_classes, out_channels=num_classes)), dataset)


@pytest.mark.parametrize('arguments', HEADS)
@pytest.mark.parametrize('named_by', ['config', 'class'])
def test_one_class_name_gets_advice_that_trains(
    tmp_path, monkeypatch, arguments, named_by
):
    write_data(tmp_path)
    names = dict(metainfo=dict(classes=('crack',)))
    place = 'metainfo of all datasets'
    if named_by == 'class':
        names = dict(type='mmseg_plugins.CrackDataset', metainfo=None)
        place = 'METAINFO of CrackDataset'
    message = re.escape(f"set classes=('background', 'crack') in {place}, and one")
    with pytest.raises(ValueError, match=message):
        make_runner(tmp_path, arguments, **names).train()

    if named_by == 'class':
        metainfo = dict(classes=CLASSES, palette=[[0, 0, 0], [255, 0, 0]])
        monkeypatch.setattr(CrackDataset, 'METAINFO', metainfo)
    else:
        names = dict(metainfo=dict(classes=CLASSES))
    runner = make_runner(tmp_path, arguments, **names)
    runner.train()
    for name in CLASSES:  # rows of the last table of IoUMetric
        ious = re.findall(rf'\| +{name} +\| +(\S+) ', log_of(runner))
        assert float(ious[-1]) > 80


def test_advice_for_one_class_name_names_the_heads_too():
    message = (
        r"has one class, 'a', .* set model\.decode_head\.num_classes=2 classes=\('back"
    )
    with pytest.raises(ValueError, match=message):
        check(Model(head(19)), ElevenClasses(metainfo=dict(classes='a')))
