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


class ElevenClasses(BaseSegDataset):
    METAINFO = dict(classes=tuple('abcdefghijk'))  # noqa: RUF012

    def load_data_list(self):
        return [dict(img_path='x.jpg')]


DATA = ElevenClasses()


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
        (Model(head(2, out_channels=1)), ElevenClasses(metainfo=dict(classes='ab'))),
        (Model(head(11), head(2, out_channels=1)), DATA),
        (Model(head(19)), BaseSegDataset(lazy_init=True)),
        (Model(head(19)), [1, 2]),
    ],
    ids=['binary', 'boundary head', 'no class names', 'no metainfo'],
)
def test_what_cannot_be_wrong_passes(model, dataset):
    check(model, dataset)
