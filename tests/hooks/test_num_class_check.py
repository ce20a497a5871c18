from types import SimpleNamespace

import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.model import BaseTTAModel
from mmseg.datasets import BaseSegDataset
from mmseg.models.decode_heads import FCNHead
from torch import nn
from torch.nn.parallel import DataParallel

from mmseg_plugins.hooks import NumClassCheckHook
from mmseg_plugins.registry import HOOKS


class ElevenClasses(BaseSegDataset):
    METAINFO = dict(classes=tuple('abcdefghijk'))  # noqa: RUF012

    def load_data_list(self):
        return [dict(img_path='x.jpg')]


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
    return FCNHead(
        in_channels=4, channels=4, num_convs=0, num_classes=num_classes, **kwargs
    )


def loop(dataset):
    return SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset))


def runner(model, train=None, val=None, test=None):
    return SimpleNamespace(model=model, train_loop=train, val_loop=val, test_loop=test)


@pytest.fixture
def data():
    return loop(ElevenClasses())


def test_builds_by_its_scoped_name():
    hook = HOOKS.build(dict(type='mmseg_plugins.NumClassCheckHook'))
    assert isinstance(hook, NumClassCheckHook)


@pytest.mark.parametrize('stage', ['train', 'val', 'test'])
def test_equal_numbers_pass(data, stage):
    getattr(NumClassCheckHook(), f'before_{stage}')(
        runner(Model(head(11), head(11)), **{stage: data})
    )


@pytest.mark.parametrize('stage', ['train', 'val', 'test'])
def test_mismatch_is_one_sentence_with_the_mend(data, stage):
    with pytest.raises(ValueError, match='set') as error:
        getattr(NumClassCheckHook(), f'before_{stage}')(
            runner(Model(head(19)), **{stage: data})
        )
    assert str(error.value) == (
        'model.decode_head.num_classes=19, but ElevenClasses has 11 classes: '
        'set model.decode_head.num_classes=11.'
    )


def test_validation_data_are_checked_before_training(data):
    with pytest.raises(ValueError, match='has 11 classes'):
        NumClassCheckHook().before_train(runner(Model(head(19)), val=data))


def test_heads_in_a_list_are_named_by_place(data):
    model = Model(head(11), nn.ModuleList([head(11), head(7)]))
    with pytest.raises(ValueError, match=r'^model\.auxiliary_head\.1\.num_classes=7, '):
        NumClassCheckHook().before_train(runner(model, train=data))


def test_all_wrong_heads_are_told_at_once(data):
    with pytest.raises(
        ValueError,
        match=r'set model\.decode_head\.num_classes=11 model\.auxiliary_head\.num_cl',
    ):
        NumClassCheckHook().before_train(runner(Model(head(19), head(19)), train=data))


@pytest.mark.parametrize(
    'wrap', [DataParallel, lambda model: DataParallel(TTAModel(model))]
)
def test_wrapped_model_is_named_without_its_wrapper(data, wrap):
    with pytest.raises(ValueError, match=r'^model\.decode_head'):
        NumClassCheckHook().before_test(runner(wrap(Model(head(19))), test=data))


@pytest.mark.parametrize(
    'wrap', [lambda d: ConcatDataset([d, d]), lambda d: RepeatDataset(d, times=2)]
)
def test_wrapped_dataset_is_checked(wrap):
    data = loop(wrap(ElevenClasses()))
    with pytest.raises(ValueError, match='has 11 classes'):
        NumClassCheckHook().before_train(runner(Model(head(19)), train=data))


def test_binary_head_of_one_channel_passes():
    dataset = ElevenClasses(metainfo=dict(classes=('a', 'b')))
    model = Model(head(2, out_channels=1))
    NumClassCheckHook().before_train(runner(model, train=loop(dataset)))


def test_boundary_head_passes(data):
    model = Model(head(11), head(2, out_channels=1))
    NumClassCheckHook().before_train(runner(model, train=data))


@pytest.mark.parametrize('dataset', [BaseSegDataset(lazy_init=True), [1, 2]])
def test_dataset_without_classes_is_skipped(dataset):
    NumClassCheckHook().before_train(runner(Model(head(19)), train=loop(dataset)))


def test_no_dataloader_is_no_error():
    NumClassCheckHook().before_val(runner(Model(head(19))))
