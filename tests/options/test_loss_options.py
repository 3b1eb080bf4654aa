"""What the options say about adversarial losses, features, the balance and a teacher."""
import effsr

# isort: split
import re

import pytest

import effsr.train
from effsr.archs.srvgg_arch import SRVGGNetCompact
from effsr.options import as_options
from effsr.runtime.checkpoint import save_atomic

TEACHER = {'weights': 'teacher.pth', 'feature_weight': 0.1, 'layers': ['body.0']}


def test_defaults(plain_options):
    train = as_options(plain_options({'train': {'feature_matching_opt': {}, 'distill_opt': {'weights': 'a.pth'}}},
                                     True)).train
    assert (train.gan_balance.window, train.gan_balance.limit) == (1000, 0.98)
    assert train.feature_matching_opt.weight == 1.0 and train.color_opt is None
    assert train.distill_opt.pixel_weight == 1.0 and train.distill_opt.feature_weight == 0


@pytest.mark.parametrize(('changes', 'gan', 'says'), [
    ({'train': {'gan_opt': {'gan_type': 'wgangp'}}}, True, 'train.gan_opt.gan_type: is wgangp; accepted: vanilla'),
    ({'train': {'gan_opt': {'relativistic': True}}}, True, 'train.gan_opt.relativistic: '),
    ({'train': {'gan_opt': {'r1_wieght': 1}}}, True, 'train.gan_opt.r1_wieght: .*did you mean r1_weight'),
    ({'train': {'r1_weight': 1}}, True, 'train.r1_weight: .*it belongs to train.gan_opt.r1_weight'),
    ({'train': {'feature_matching_opt': {}}}, False, 'train.feature_matching_opt: compares features of a disc'),
    ({'train': {'gan_balance': {'limit': 0.5}}}, True, 'train.gan_balance.limit: '),
    ({'train': {'gan_balance': {'windows': 5}}}, True, 'train.gan_balance.windows: .*did you mean window'),
    ({'train': {'color_opt': {'type': 'ColourLoss'}}}, False, 'train.color_opt.type: .*did you mean ColorLoss'),
    ({'train': {'color_opt': {'type': 'ColorLoss', 'window': 9}}}, False,
     r'train.color_opt: ColorLoss cannot compare .*window: 9\): pictures of 8 x 8 .*too small'),
    ({'train': {'color_opt': {'type': 'L1Loss'}}}, False, 'train.color_opt: L1Loss cannot compare a result with its'),
    ({'train': {'pixel_opt': {'type': 'ColorLoss'}}}, False, 'train.pixel_opt.type: ColorLoss does not compare two'),
    ({'train': {'distill_opt': TEACHER}}, False, 'train.distill_opt.weights: teacher.pth: no such file; mend the path'),
    ({'train': {'distill_opt': {'network': {'type': 'RRDBNet', 'num_blocks': 3}, 'weights': 'options.yml'}}}, False,
     'train.distill_opt.network.num_blocks: .*did you mean num_block'),
    ({'train': {'distill_opt': {'feature_weight': 1, 'weights': 'options.yml'}}}, False,
     'train.distill_opt.layers: missing; with feature_weight'),
    ({'network_d': {'type': 'PatchDiscriminator', 'num_feat': 4, 'norm': 'layer'}}, True,
     'network_d.norm: is layer; accepted: batch, instance, spectral or none'),
    ({'network_d': {'type': 'CompactDiscriminator', 'num_in_ch': 3, 'num_feat': 4, 'fold': 4}}, True,
     r'network_d: CompactDiscriminator cannot take an image of \(3, 16, 16\): .*divisible by 32; change gt_size'),
])
def test_mistakes_are_told_before_training(tmp_path, monkeypatch, write_options, changes, gan, says, capsys):
    monkeypatch.chdir(tmp_path)
    assert effsr.train.main(['-opt', write_options(tmp_path, changes, gan)]) == 1
    printed = capsys.readouterr()
    assert re.search(says, printed.err + printed.out), printed.err
    assert not (tmp_path / 'experiments').exists()


def test_a_teacher_alone_is_loss_enough(tmp_path, monkeypatch, write_options):
    monkeypatch.chdir(tmp_path)
    save_atomic({'params': SRVGGNetCompact(num_feat=4, num_conv=1, upscale=2).state_dict()}, tmp_path / 'teacher.pth')
    changes = {'train': {'pixel_opt': ..., 'total_iter': 1, 'distill_opt': {'weights': 'teacher.pth'}}}
    assert effsr.train.main(['-opt', write_options(tmp_path, changes)]) == 0
