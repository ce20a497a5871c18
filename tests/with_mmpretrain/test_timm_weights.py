"""timm's weights in the backbones of the recipes, without a download."""

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from torch.nn.functional import layer_norm

from mmseg_plugins import timm_weights

timm = pytest.importorskip('timm', reason='needs timm: make test-mmpretrain')


@pytest.mark.parametrize(('name', 'side'), [('dinov2-s14', 70), ('dinov3-s16', 80)])
def test_a_recipe_gives_what_timm_gives_except_for_the_final_norm(
    name, side, monkeypatch
):
    torch.manual_seed(0)
    cfg = Config.fromfile(f'configs/_base_/models/{name}.py').model.backbone
    changes = dict(depth=3, embed_dim=48, num_heads=2, dynamic_img_size=True)
    cfg.update(dtype=None)
    cfg.backbone.update(changes, out_indices=(0, 2))
    net, create, made = MODELS.build(cfg), timm.create_model, []

    def create_without_download(model_name, pretrained, num_classes):
        assert pretrained
        assert model_name.startswith(cfg.backbone.model_name)
        made.append(create(model_name, num_classes=num_classes, **changes).eval())
        return made[0]

    monkeypatch.setattr(timm, 'create_model', create_without_download)
    net.init_weights()
    (model,) = made
    images = torch.randn(2, 3, side, 2 * side)
    with torch.no_grad():
        levels = model.forward_intermediates(images, [0, 2], intermediates_only=True)
        for one, level in zip(net(images), levels, strict=True):
            normed = layer_norm(level.movedim(1, -1), level.shape[1:2]).movedim(-1, 1)
            torch.testing.assert_close(one, normed, rtol=1e-4, atol=1e-4)


def test_a_name_that_timm_does_not_know_is_refused_with_the_way_to_go_offline():
    with pytest.raises(ValueError, match=r"'timm://vit_x' could .*HF_HUB_OFFLINE"):
        timm_weights.load_from_timm('timm://vit_x')
