"""Tiles: what they cover, that they equal the whole, what is refused."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import pytest
import torch
from torch import nn

from effsr.archs.srvgg_arch import SRVGGNetCompact
from effsr.inference.tiling import crop_to_scale, pad_to_multiple, tile_spans, upscale_tiled


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def conv_net(scale, radius=2):
    """Reaches `radius` pixels to each side; has biases, so zeros beyond the border are not neutral."""
    layers = [nn.Conv2d(3, 6, 3, 1, 1), nn.Tanh()]
    for _ in range(radius - 2):
        layers += [nn.Conv2d(6, 6, 3, 1, 1), nn.Tanh()]
    return nn.Sequential(*layers, nn.Conv2d(6, 3 * scale**2, 3, 1, 1), nn.PixelShuffle(scale)).requires_grad_(False)


@pytest.mark.parametrize('length', [1, 2, 7, 16, 31, 32, 33, 100])
@pytest.mark.parametrize(('tile', 'pad'), [(0, 0), (1, 0), (1, 3), (8, 0), (8, 2), (10, 11), (64, 8)])
def test_spans_cover_once_within_the_picture_with_a_halo(length, tile, pad):
    spans = tile_spans(length, tile, pad)
    assert [i for span in spans for i in range(span.first, span.last)] == list(range(length))
    assert len({span.stop - span.start for span in spans}) == 1
    for span in spans:
        assert 0 <= span.start <= span.first < span.last <= span.stop <= length
        assert span.start == 0 or span.first - span.start >= pad
        assert span.stop == length or span.stop - span.last >= pad


def test_spans_by_hand():
    assert tile_spans(100, 40, 10) == [(0, 60, 0, 50), (40, 100, 50, 100)]
    assert tile_spans(70, 40, 10) == [(0, 60, 0, 50), (10, 70, 50, 70)]


@pytest.mark.parametrize('scale', [1, 2, 3])
@pytest.mark.parametrize('size', [(23, 37), (16, 9), (40, 5), (1, 30)])
@pytest.mark.parametrize('tile', [0, 5, 8, 100])
def test_tiles_equal_the_whole(scale, size, tile):
    net, lq = conv_net(scale), torch.rand(2, 3, *size)
    torch.testing.assert_close(upscale_tiled(net, lq, scale, tile, 2), net(lq), atol=1e-5, rtol=0)


def test_too_small_a_halo_shows():
    net, lq = conv_net(2, radius=4), torch.rand(1, 3, 30, 30)
    assert (upscale_tiled(net, lq, 2, 8, 1) - net(lq)).abs().max() > 1e-4


def test_compact_network_with_its_halo_equals_the_whole():
    net, lq = SRVGGNetCompact(num_feat=8, num_conv=4, upscale=4).requires_grad_(False), torch.rand(1, 3, 33, 45)
    torch.testing.assert_close(upscale_tiled(net, lq, 4, 12, 6), net(lq), atol=1e-5, rtol=0)


def test_the_network_sees_one_size_only_and_never_beyond_the_picture():
    seen = []

    def nearest(x):
        seen.append(tuple(x.shape))
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

    lq = torch.rand(1, 3, 41, 29)
    assert torch.equal(upscale_tiled(nearest, lq, 2, 8, 3), nearest(lq))
    assert set(seen[:-1]) == {(1, 3, 14, 14)}


def test_channels_and_dtype_are_the_networks():
    out = upscale_tiled(lambda x: x[:, :1].double(), torch.rand(2, 3, 20, 20), 1, 8, 0)
    assert out.shape == (2, 1, 20, 20) and out.dtype == torch.float64


def test_gradients_pass_through():
    lq = torch.rand(1, 3, 14, 14, requires_grad=True)
    upscale_tiled(lambda x: 2 * x, lq, 1, 4, 1).sum().backward()
    torch.testing.assert_close(lq.grad, torch.full_like(lq, 2.0))


@pytest.mark.parametrize('tile', [0, 8])
def test_a_network_of_another_scale_is_refused(tile):
    with pytest.raises(ValueError, match='at scale 4 should become') as caught:
        upscale_tiled(conv_net(2), torch.rand(1, 3, 20, 20), 4, tile, 2)
    side = 20 if tile == 0 else 12
    assert f'{side} x {side}' in str(caught.value) and f'(1, 3, {2 * side}, {2 * side})' in str(caught.value)


@pytest.mark.parametrize(('shape', 'scale', 'tile', 'pad'), [
    ((3, 8, 8), 1, 0, 0), ((1, 3, 8, 8), 0, 0, 0), ((1, 3, 8, 8), 1, -1, 0), ((1, 3, 8, 8), 1, 4, -1),
    ((1, 3, 0, 8), 1, 4, 0),
])
def test_bad_arguments(shape, scale, tile, pad):
    with pytest.raises(ValueError, match='accepted'):
        upscale_tiled(nn.Identity(), torch.rand(shape), scale, tile, pad)


@pytest.mark.parametrize('size', [(8, 8), (7, 10), (5, 5), (1, 1)])
@pytest.mark.parametrize('multiple', [1, 2, 4])
def test_padding_and_cutting_back(size, multiple):
    lq = torch.rand(1, 3, *size)
    padded = pad_to_multiple(lq, multiple)
    assert padded.shape[-2] % multiple == padded.shape[-1] % multiple == 0
    assert 0 <= padded.shape[-2] - size[0] < multiple and 0 <= padded.shape[-1] - size[1] < multiple
    assert torch.equal(crop_to_scale(padded, lq, 1), lq)


def test_padding_mirrors():
    padded = pad_to_multiple(torch.arange(15.0).view(1, 1, 3, 5), 4)
    assert padded[0, 0, 0].tolist() == [0, 1, 2, 3, 4, 3, 2, 1]
    assert padded[0, 0, 3].tolist() == [5, 6, 7, 8, 9, 8, 7, 6]


def test_tiles_on_a_network_that_folds_pixels():
    net = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, 12, 3, 1, 1), nn.PixelShuffle(2)).requires_grad_(False)
    lq = torch.rand(1, 3, 31, 27)
    padded = pad_to_multiple(lq, 2)
    out = crop_to_scale(upscale_tiled(net, padded, 1, 8, 4), lq, 1)
    torch.testing.assert_close(out, net(padded)[..., :31, :27], atol=1e-5, rtol=0)


def test_padding_errors():
    with pytest.raises(ValueError, match='multiple of 0'):
        pad_to_multiple(torch.rand(1, 3, 8, 8), 0)
    with pytest.raises(ValueError, match='8 x 8 cannot be cut to 16 x 16'):
        crop_to_scale(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8), 2)
