"""Networks by name."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch

from effsr.benchmarks.named_models import DEFAULTS, open_models, parse


def test_classes_and_weights(tmp_path):
    nets = open_models(['SRVGGNetCompact(num_conv=1, num_feat=4)', 'SRResNet(num_block=1)'], 2)
    assert list(nets) == ['SRVGGNetCompact(num_conv=1, num_feat=4)', 'SRResNet(num_block=1)']
    assert nets['SRResNet(num_block=1)'](torch.zeros(1, 3, 8, 8)).shape == (1, 3, 16, 16)
    torch.save({'params': next(iter(nets.values())).state_dict()}, tmp_path / 'small.pth')
    loaded = open_models([str(tmp_path / 'small.pth'), f'mine={tmp_path / "small.pth"}'], 4)
    assert list(loaded) == ['small (SRVGGNetCompact)', 'mine']


def test_weights_do_not_depend_on_what_was_drawn_before():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, = open_models(['EfficientSRNet(num_block=1)'], 4).values()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    two, = open_models(['EfficientSRNet(num_block=1)'], 4).values()
    assert all(map(torch.equal, one.state_dict().values(), two.state_dict().values()))


def test_parsing():
    assert [parse(text) for text in DEFAULTS] == [
        ('EfficientSRNet', {}), ('SRVGGNetCompact', {'num_conv': 16}), ('SRVGGNetCompact', {'num_conv': 32}),
        ('RRDBNet', {'num_block': 6}), ('RRDBNet', {'num_block': 23}), ('SRResNet', {})]


@pytest.mark.parametrize(('texts', 'says'), [
    (['RRDBNets'], 'no such file or registered class; nearest: RRDBNet'),
    (['SRResNet(3)'], 'nor a class with arguments'), (['a b'], 'nor a class with arguments'),
    (['SRResNet(num_block=open(1))'], 'nor a class with arguments'),
    (['SRResNet(blocks=3)'], r'cannot be built with \(upscale=4, blocks=3\): .*unexpected keyword'),
    (['nowhere.pth'], r'nowhere\.pth'), (['SRResNet', 'SRResNet'], 'two are called SRResNet')])
def test_what_is_refused(texts, says):
    with pytest.raises(ValueError, match=says):
        open_models(texts, 4)
