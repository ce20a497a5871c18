"""The light Xceptions against the plain restatement, and their own promises."""

import pytest
import torch
from mmcv.cnn import fuse_conv_bn
from reference.dfanet import Network, randomise
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmseg_plugins.backbones import XceptionA, XceptionB
from mmseg_plugins.backbones.sub_network import FCAttention

ARCHS = {'A': XceptionA, 'B': XceptionB}
BN = dict(type='BN')
every_arch = pytest.mark.parametrize('arch', ARCHS)


def make_net(arch: str = 'B', **kwargs: object) -> nn.Module:
    torch.manual_seed(0)
    net = ARCHS[arch](**kwargs)
    randomise(net)
    return net


def random_image(batch: int, height: int, width: int) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(batch, 3, height, width, dtype=torch.float64)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@every_arch
@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize('attention_norm_cfg', [None, BN])
def test_outputs_equal_the_plain_restatement(arch, training, attention_norm_cfg):
    net = make_net(arch, attention_norm_cfg=attention_norm_cfg).train(training)
    image = random_image(2, 50, 75)
    weights = {f'subnets.0.{k}': v.clone() for k, v in net.state_dict().items()}
    low, high = Network(weights, training).backbone(image, arch, 1)
    with torch.no_grad():
        enc2, _, _, fca = net(image)
    torch.testing.assert_close(enc2, low, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(fca, high, rtol=1e-10, atol=1e-10)


@every_arch
@pytest.mark.parametrize('size', [(1, 1), (17, 16), (33, 47), (97, 224)])
def test_outputs_have_ceil_rounded_sizes(arch, size):
    outputs = make_net(arch).eval()(random_image(1, *size))
    widths = dict(A=(48, 96, 192, 192), B=(32, 64, 128, 128))[arch]
    for level, width, stride in zip(outputs, widths, (4, 8, 16, 16), strict=True):
        rows, columns = -(-size[0] // stride), -(-size[1] // stride)
        assert level.shape == (1, width, rows, columns)


@pytest.mark.parametrize(
    ('arch', 'stages', 'first_blocks', 'other_blocks', 'attention'),
    [
        (
            'A',
            (7_992, 43_824, 108_960),
            (1_728, 9_984, 37_248),
            (2_088, 6_768, 23_904),
            385_192,
        ),
        (
            'B',
            (4_328, 21_536, 51_136),
            (1_016, 4_736, 17_152),
            (1_104, 3_360, 11_328),
            257_128,
        ),
    ],
)
def test_parameter_counts(arch, stages, first_blocks, other_blocks, attention):
    net = ARCHS[arch]()
    encs = (net.enc2, net.enc3, net.enc4)
    assert count(net.conv1) == 232
    assert tuple(map(len, encs)) == (4, 6, 4)
    assert tuple(count(enc) for enc in encs) == stages
    assert tuple(count(enc[0]) for enc in encs) == first_blocks
    assert tuple(count(enc[-1]) for enc in encs) == other_blocks
    assert count(net.fca) == attention
    with_norm = ARCHS[arch](attention_norm_cfg=BN)
    assert count(with_norm.fca) == attention + net.channels[-1]


def test_only_the_asked_outputs_come_and_nothing_is_made_in_vain():
    everything, image = make_net().eval(), random_image(1, 40, 40)
    net = make_net(out_indices=(0, 2)).train()
    assert net.fca is None
    net.load_state_dict(everything.state_dict(), strict=False)
    with torch.no_grad():
        outputs = everything(image)
        torch.testing.assert_close(net.eval()(image), (outputs[0], outputs[2]))
    sum(x.square().sum() for x in net.train()(image)).backward()
    assert all(p.grad.any() for p in net.parameters())


def test_images_of_other_channels_are_taken():
    assert XceptionB(in_channels=4).eval()(torch.randn(1, 4, 32, 32))[0].shape[1] == 32


@pytest.mark.parametrize('frozen_stages', [-1, 0, 1, 3, 4])
def test_frozen_stages_neither_train_nor_update_their_batch_norm(frozen_stages):
    net = make_net(frozen_stages=frozen_stages).train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], 0.1)
    sum(x.sum() for x in net(random_image(2, 40, 40))).backward()
    optimizer.step()
    changed = {
        key.split('.')[0]
        for key, value in net.state_dict().items()
        if not torch.equal(value, before[key])
    }
    stages = ['conv1', 'enc2', 'enc3', 'enc4', 'fca']
    assert changed == set(stages[max(frozen_stages, 0) :])


def test_norm_eval_keeps_the_running_statistics():
    net, usual = make_net(norm_eval=True).train(), make_net()
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm)]
    assert norms
    assert not any(norm.training for norm in norms)
    assert net.enc2.training
    image = random_image(1, 16, 16)  # too small for statistics of a batch of one
    torch.testing.assert_close(net(image), usual.eval()(image))


def test_checkpointing_gives_the_same_gradients_and_keeps_less():
    net, image, gradients, kept = make_net().train(), random_image(2, 40, 56), [], []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept[-1] += tensor.numel()
        return tensor

    for net.with_cp in (False, True):
        net.zero_grad()
        kept.append(0)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            outputs = net(image)
        sum(level.square().sum() for level in outputs).backward()
        gradients.append([p.grad.clone() for p in net.parameters()])
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)
    assert kept[1] < kept[0] / 2


@pytest.mark.parametrize('norm_cfg', [None, BN])
def test_the_attention_starts_as_the_identity_and_learns(norm_cfg):
    torch.manual_seed(0)
    attention, x = FCAttention(8, norm_cfg).train(), torch.randn(4, 8, 5, 5)
    y = attention(x)
    torch.testing.assert_close(y, x)
    (y * torch.randn_like(y)).sum().backward()
    assert (attention.conv.norm or attention.conv.conv).weight.grad.any()


@every_arch
def test_activations_of_a_new_network_neither_vanish_nor_explode(arch):
    torch.manual_seed(0)
    net = ARCHS[arch]().train()
    net.init_weights()
    for level in net(torch.randn(2, 3, 128, 128)):
        assert 0.1 < level.std() < 10


@every_arch
def test_every_batch_norm_can_be_fused(arch):
    net, image = make_net(arch).eval(), random_image(1, 65, 97)
    with torch.no_grad():
        expected = net(image)
        fused = fuse_conv_bn(net)
        assert not any(isinstance(m, _BatchNorm) for m in fused.modules())
        torch.testing.assert_close(fused(image), expected, rtol=1e-10, atol=1e-10)
