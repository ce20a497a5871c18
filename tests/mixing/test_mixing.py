"""Every head on every backbone: it trains and predicts, or says why not."""

import pytest

from tests.mixing.mixtures import MISTAKES, MIXTURES, Mixture, missing_package, try_out


@pytest.mark.parametrize('mixture', MIXTURES + MISTAKES, ids=str)
def test_a_mixture_works_or_ends_in_its_error(mixture):
    if package := missing_package(mixture.backbone):
        pytest.skip(f'needs {package}, which make test-mmpretrain installs')
    error = try_out(mixture)
    assert mixture.error in error
    assert bool(mixture.error) == bool(error)


def test_control_a_layer_that_never_trains_is_found():
    first_of_two = dict(in_index=0, in_channels=32)
    with pytest.raises(RuntimeError, match=r'subnets\..* no finite gradient'):
        try_out(Mixture('DFANet', 'StripPoolingHead', first_of_two))
