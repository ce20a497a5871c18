"""Every head on every backbone: it trains and predicts, or says why not."""

import pytest
from mmseg.models.decode_heads.decode_head import BaseDecodeHead

from mmseg_plugins.registry import MODELS
from tests.mixing.mixtures import MISTAKES, MIXTURES, Mixture, missing_package, try_out
from tests.mixing.parts_to_mix import OUR_HEADS, OURS, PADDED_HEADS


@pytest.mark.parametrize('mixture', MIXTURES + MISTAKES, ids=str)
def test_a_mixture_works_or_ends_in_its_error(mixture):
    if package := missing_package(mixture.backbone):
        pytest.skip(f'needs {package}, which make test-mmpretrain installs')
    error = try_out(mixture)
    assert mixture.error in error
    assert bool(mixture.error) == bool(error)


def test_every_backbone_and_head_of_ours_is_mixed():
    classes = MODELS.module_dict
    heads = {name for name in classes if issubclass(classes[name], BaseDecodeHead)}
    backbones = {name for name in classes if '.backbones.' in classes[name].__module__}
    # PresenceHead is an auxiliary head.
    assert {*OUR_HEADS, *PADDED_HEADS} == heads - {'PresenceHead'}
    assert set(OURS) == backbones


def test_control_a_layer_that_never_trains_is_found():
    first_of_two = dict(in_index=0, in_channels=32)
    with pytest.raises(RuntimeError, match=r'subnets\..* no finite gradient'):
        try_out(Mixture('DFANet', 'StripPoolingHead', first_of_two))
