"""`base:` merges option files; messages name the file and line where the value stands."""
import effsr  # noqa: F401  registers

# isort: split
from pathlib import Path

import pytest

from effsr.options import OptionError, load_options, to_plain

BASE = """\
name: base
scale: 4
network_g:
  type: EfficientSRNet
  num_feat: 8
train:
  total_iter: 100
  optim_g: {type: Adam, lr: 1e-3, betas: [0.9, 0.99]}
  pixel_opt:
    type: L1Loss
    loss_weight: 0.5
  perceptual_opt: {type: PerceptualLoss, layer_weights: {conv5_4: 1}}
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """load(text, overrides): a file that inherits from common/base.yml."""
    monkeypatch.chdir(tmp_path)
    Path('common').mkdir()
    Path('common/base.yml').write_text(BASE)

    def start(text, *overrides):
        Path('f.yml').write_text('base: common/base.yml\n' + text)
        return load_options('f.yml', overrides, check_files=False)
    return start


def refused(load, text, *overrides):
    with pytest.raises(OptionError) as caught:
        load(text, *overrides)
    return str(caught.value)


def test_mappings_merge_and_the_rest_is_replaced(load):
    options = load('name: mine\ntrain:\n  total_iter: 50\n  optim_g: {betas: [0.5, 0.9]}\n')
    assert (options.name, options.scale, options.train.total_iter) == ('mine', 4, 50)
    assert options.train.optim_g.arguments == {'lr': 1e-3, 'betas': [0.5, 0.9]}
    assert 'base' not in to_plain(options)


def test_another_type_replaces_the_block(load):
    options = load('train:\n  pixel_opt: {type: CharbonnierLoss}\n')
    assert options.train.pixel_opt.arguments == {}
    assert load('train:\n  pixel_opt: {type: L1Loss}\n').train.pixel_opt.arguments == {'loss_weight': 0.5}


def test_null_takes_away(load):
    options = load('train:\n  perceptual_opt: ~\nnetwork_g: {num_feat: ~}\n')
    assert options.train.perceptual_opt is None
    assert options.network_g.arguments == {}


def test_chains_and_the_command_line_last(load):
    Path('common/far.yml').write_text('base: base.yml\nqueue_size: 7\nname: far\n')
    Path('g.yml').write_text('base: common/far.yml\nname: near\n')
    options = load_options('g.yml', ['queue_size=9'], check_files=False)
    assert (options.name, options.queue_size, options.scale) == ('near', 9, 4)


@pytest.mark.parametrize(('text', 'overrides', 'message'), [
    ('network_g: {num_feats: 3}\n', (), 'f.yml:2: network_g.num_feats: unknown argument of EfficientSRNet; did you me'),
    ('scale: 2\n', (), 'common/base.yml:3: network_g.upscale: is not given, so it is 4, but scale is 2'),
    ('', ('network_g:num_feat=x',), "--force_yml: network_g.num_feat: is 'x'"),
    ('', ('base=x.yml',), '--force_yml base=x.yml: base belongs into the option file'),
    ('train:\n  total_iter: 0\n', (), 'f.yml:3: train.total_iter: Input should be greater than or equal to 1'),
])
def test_messages_name_the_place(load, text, overrides, message):
    assert refused(load, text, *overrides).replace('\\', '/').startswith(message)


def test_a_mistake_in_the_base(load):
    Path('common/base.yml').write_text(BASE.replace('loss_weight', 'loss_wait'))
    message = refused(load, 'name: x\n').replace('\\', '/')
    assert message.startswith('common/base.yml:11: train.pixel_opt.loss_wait: unknown argument of L1Loss; did you mean')


@pytest.mark.parametrize(('text', 'message'), [
    ('name: x\nbase: nowhere.yml\n', 'g.yml:2: base: nowhere.yml: no such file; the path is relative to g.yml'),
    ('base: g.yml\n', 'g.yml:1: base: g.yml inherits from this file again; take one base out'),
    ('base: h.yml\n', 'h.yml:1: base: g.yml inherits from this file again; take one base out'),
    ('base: [a.yml]\n', "g.yml:1: base: is ['a.yml']; accepted: the path of one option file"),
    ('base: dup.yml\n', 'dup.yml:2: name: stands twice'),
])
def test_a_wrong_base(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    Path('h.yml').write_text('base: g.yml\n')
    Path('dup.yml').write_text('name: a\nname: b\n')
    Path('g.yml').write_text(text)
    with pytest.raises(OptionError) as caught:
        load_options('g.yml')
    assert str(caught.value).startswith(message)
