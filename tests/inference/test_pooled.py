"""Means over the whole picture: found, summed over parts, given."""
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from effsr.archs.efficientsr_arch import EfficientSRNet
from effsr.archs.srvgg_arch import SRVGGNetCompact
from effsr.inference.pooled import run_with_means, sums_at, whole_means

SPELLINGS = {
    'module': nn.AdaptiveAvgPool2d(1),
    'function': lambda x: F.adaptive_avg_pool2d(x, (1, 1)),
    'method': lambda x: x.mean((2, 3), keepdim=True),
    'from the end': lambda x: x.mean(dim=[-1, -2], keepdim=True),
    'torch.mean': lambda x: torch.mean(x, (-2, -1), True),
    'without dimensions': lambda x: x.mean((2, 3))[..., None, None],
}


class Gated(nn.Module):
    def __init__(self, pool):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, 1, 1)
        self.pool = pool

    def forward(self, x):
        x = self.conv(x)
        return x * torch.sigmoid(self.pool(x)) + x.mean(1, keepdim=True)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


@pytest.mark.parametrize('pool', SPELLINGS.values(), ids=SPELLINGS)
def test_means_however_they_are_written(pool):
    net, x = Gated(pool), torch.rand(1, 3, 9, 7)
    means = whole_means(net, x)
    assert len(means) == 1
    torch.testing.assert_close(means[0], net.conv(x).mean((2, 3))[0])
    torch.testing.assert_close(run_with_means(net, x, means), net(x))
    shifted = run_with_means(net, x, [means[0] + 5])
    expected = net.conv(x) * torch.sigmoid(means[0] + 5)[:, None, None] + net.conv(x).mean(1, keepdim=True)
    torch.testing.assert_close(shifted, expected)


def test_means_over_anything_else_are_left_alone():
    class Other(nn.Module):
        def forward(self, x):
            x = x - x.mean() + x.mean(1, keepdim=True) + x.mean((1, 2), keepdim=True)
            return x + F.adaptive_avg_pool2d(x, 2).sum()

    assert whole_means(Other(), torch.rand(1, 3, 8, 8)) == []
    assert whole_means(SRVGGNetCompact(num_feat=4, num_conv=1), torch.rand(1, 3, 8, 8)) == []


def test_sums_over_parts_are_the_means_of_the_whole():
    net, x = EfficientSRNet(num_feat=4, num_block=3).eval(), torch.rand(1, 3, 12, 10)
    means = whole_means(net, x)
    assert [mean.shape for mean in means] == [(4,)] * 3
    for number in range(3):
        cores = [(slice(0, 5), slice(0, 10)), (slice(5, 12), slice(0, 4)), (slice(5, 12), slice(4, 10))]
        sums = sums_at(net, x.expand(3, -1, -1, -1), cores, means[:number])
        assert sums.dtype == torch.float64 and sums.shape == (3, 4)
        torch.testing.assert_close((sums.sum(0) / 120).float(), means[number])


def test_features_of_another_size_count_by_input_pixels():
    class Folded(nn.Module):
        def forward(self, x):
            return F.pixel_unshuffle(x, 2).mean((2, 3), keepdim=True)

    x = torch.rand(1, 3, 8, 8)
    sums = sums_at(Folded(), x, [(slice(0, 8), slice(0, 8))], [])
    torch.testing.assert_close((sums[0] / 64).float(), F.pixel_unshuffle(x, 2).mean((2, 3))[0])


def test_the_network_runs_no_further_than_to_the_mean():
    net = Gated(nn.AdaptiveAvgPool2d(1))
    after = []
    net.register_forward_hook(lambda *_: after.append(1))
    sums_at(net, torch.rand(1, 3, 4, 4), [(slice(0, 4), slice(0, 4))], [])
    assert not after


def test_numbers_of_means_that_do_not_fit_are_errors():
    net, x = Gated(nn.AdaptiveAvgPool2d(1)), torch.rand(1, 3, 4, 4)
    with pytest.raises(ValueError, match='takes 1 means over a picture, and none after'):
        sums_at(net, x, [(slice(0, 4), slice(0, 4))], [torch.zeros(3)])
    with pytest.raises(ValueError, match='more than 1 means'):
        run_with_means(nn.Sequential(net, net), x, [torch.zeros(3)])
