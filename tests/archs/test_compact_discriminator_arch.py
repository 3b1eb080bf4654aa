"""CompactDiscriminator: sizes, that it is a U-Net on folded pixels, what it saves, what it refuses."""
import effsr  # noqa: F401  installs the bridge and registers

# isort: split
import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from effsr.archs.compact_discriminator_arch import CompactDiscriminator
from effsr.archs.discriminator_arch import UNetDiscriminatorSN


def test_shapes_and_the_network_inside():
    net = CompactDiscriminator(num_feat=4).eval()
    image = torch.rand(2, 3, 32, 48)
    assert net(image).shape == (2, 1, 16, 24)
    torch.testing.assert_close(net(image), net.unet(F.pixel_unshuffle(image, 2)))
    assert all(net.get_submodule(name) for name in net.feature_layers)
    assert CompactDiscriminator(num_feat=4, fold=4)(torch.rand(1, 3, 32, 32)).shape == (1, 1, 8, 8)


def test_a_sixteenth_of_the_work():
    counts = []
    for net in (UNetDiscriminatorSN(3), CompactDiscriminator()):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net(torch.zeros(1, 3, 64, 64))
        counts.append(counter.get_total_flops())
    assert counts[0] / counts[1] == pytest.approx(16, rel=0.05)


@pytest.mark.parametrize(('build', 'match'), [
    (lambda: CompactDiscriminator(fold=0), 'at least 1; got 3, 32 and 0'),
    (lambda: CompactDiscriminator(num_feat=4)(torch.rand(1, 3, 24, 32)), '24 x 32 .*divisible by 16'),
    (lambda: CompactDiscriminator(num_feat=0), '^CompactDiscriminator: .*at least 1; got 3, 0 and 2'),
])
def test_what_is_refused(build, match):
    with pytest.raises(ValueError, match=match):
        build()
