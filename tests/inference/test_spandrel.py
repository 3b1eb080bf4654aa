"""spandrel, which other programs read weights with, loads ours and makes the same picture."""
import effsr  # noqa: F401  registers

# isort: split
import pytest
import torch

from effsr.inference.interpolation import interpolate_files
from effsr.inference.weights import ARCH_REGISTRY, load_model
from effsr.runtime.checkpoint import save_atomic

spandrel = pytest.importorskip('spandrel')

# It takes a growth of 32 for granted.
RRDB = {'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 16, 'num_block': 2, 'num_grow_ch': 32}
SRVGG = {'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 16, 'num_conv': 4}


def same_picture(path):
    ours, theirs = load_model(path), spandrel.ModelLoader().load_from_file(path)
    assert theirs.scale == ours.scale
    lq = torch.rand(1, 3, 20, 24)
    with torch.no_grad():
        expected = ours.net(lq).clamp(0, 1)
        torch.testing.assert_close(theirs(lq), expected, rtol=0, atol=1e-5)
    assert expected.std() > 0


@pytest.mark.parametrize(('arch', 'args'), [
    *[('RRDBNet', {**RRDB, 'scale': scale}) for scale in (1, 2, 4)],
    *[('SRVGGNetCompact', {**SRVGG, 'upscale': scale}) for scale in (1, 2, 4)]])
@pytest.mark.parametrize('entries', [('params',), ('params', 'params_ema'), ()])
def test_the_same_picture(arch, args, entries, tmp_path):
    torch.manual_seed(0)
    state = ARCH_REGISTRY.get(arch)(**args).state_dict()
    save_atomic(dict.fromkeys(entries, state) if entries else state, tmp_path / 'net.pth')
    same_picture(tmp_path / 'net.pth')


def test_interpolated_weights_too(tmp_path):
    for seed, name in enumerate('ab'):
        torch.manual_seed(seed)
        save_atomic({'params': ARCH_REGISTRY.get('RRDBNet')(**RRDB).state_dict()}, tmp_path / f'{name}.pth')
    same_picture(interpolate_files(tmp_path / 'a.pth', tmp_path / 'b.pth', 0.8, tmp_path / 'c.pth').path)
