"""The receptive field, against what is counted by hand."""
import pytest
import torch
from torch import nn

from effsr.archs.efficientsr_arch import EfficientSRNet
from effsr.archs.rrdbnet_arch import RRDBNet
from effsr.archs.srresnet_arch import SRResNet
from effsr.archs.srvgg_arch import SRVGGNetCompact
from effsr.inference.receptive import Field, effective_halo, needed_halo, receptive_field


@pytest.mark.parametrize(('net', 'scale', 'multiple', 'halo', 'pools'), [
    (SRVGGNetCompact(num_feat=4, num_conv=5), 4, 1, 7, 0),
    # Head, three blocks, trunk at the input's size: 5; then 1 and, at twice and four times the size, up to 1 more.
    (EfficientSRNet(num_feat=4, num_block=3), 4, 1, 7, 3),
    # 9x9 head 4, two 3x3 in each of two blocks 4, one after them 1; enlarging and a 9x9 tail, at up to four times the
    # size, 3 at the most.
    (SRResNet(num_feat=4, num_block=2), 4, 1, 12, 0),
    # 15 convolutions of a block, two around it; four after enlarging reach two pixels at the most.
    (RRDBNet(num_feat=4, num_block=1, num_grow_ch=4), 4, 1, 19, 0),
    (nn.Conv2d(3, 3, 5, padding=4, dilation=2), 1, 1, 4, 0),
    (nn.Conv2d(3, 3, (1, 7), padding=(0, 3)), 1, 1, 3, 0),
    (nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, 12, 3, 1, 1), nn.PixelShuffle(2)), 1, 2, 4, 0),
])
def test_halo_is_what_is_counted(net, scale, multiple, halo, pools):
    assert receptive_field(net.eval(), scale, multiple) == Field(halo, pools)


def test_it_does_not_depend_on_weights():
    net = SRVGGNetCompact(num_feat=4, num_conv=3)
    for parameter in net.parameters():
        nn.init.zeros_(parameter)
    assert receptive_field(net, 4).halo == 5
    assert next(net.parameters()).dtype == torch.float32


class Unbounded(nn.Module):
    """Each pixel less the largest of the picture."""

    def forward(self, x):
        return x - x.amax((2, 3), keepdim=True)


def test_what_looks_at_all_of_the_picture_is_not_bounded():
    assert receptive_field(Unbounded(), 1) == Field(None, 0)
    assert needed_halo(Unbounded(), 1) is None


def test_what_was_measured_under_a_name_is_not_measured_again():
    net = SRVGGNetCompact(num_feat=4, num_conv=3)
    first = receptive_field(net, 4, name='test of receptive')
    assert receptive_field(Unbounded(), 4, name='test of receptive') is first


def test_deep_networks_need_less_in_practice():
    torch.manual_seed(0)
    net = RRDBNet(num_feat=8, num_block=7, num_grow_ch=4).eval().requires_grad_(False)
    exact = receptive_field(net, 4).halo
    found = needed_halo(net, 4)
    assert exact == 109 and 4 < found < exact
    with torch.inference_mode():
        picture = torch.rand(1, 3, 48, 3 * found)
        differs = net(picture)[..., 2 * found * 4:] - net(picture[..., found:])[..., found * 4:]
    assert differs.abs().max() <= 1e-5


def test_effective_halo_is_never_above_the_exact_one():
    assert effective_halo(lambda x: x - x.mean((2, 3), keepdim=True), 100) == 100
    assert effective_halo(lambda x: x, 100) == 1
    assert effective_halo(lambda x: x, 100, multiple=4) == 4
