"""Results of large pictures are those of whole ones, of networks that average over the picture too."""
import effsr  # noqa: F401  installs the bridge

# isort: split
import json
from pathlib import Path

import numpy as np
import torch
from basicsr.utils.registry import ARCH_REGISTRY

from effsr import evaluate
from effsr.data.image_io import read_rgb, write_rgb
from effsr.evaluation import scoring
from effsr.runtime.checkpoint import save_atomic


def made(work: str) -> np.ndarray:
    assert evaluate.main(['-m', 'net.pth', '-d', 'A=hr:lr', '--work', work, '--processes', '1', '--device', 'cpu',
                          '--json', f'{work}.json']) == 0
    assert np.isfinite(json.loads(Path(f'{work}.json').read_text())['values']['whole']['A']['net']['psnr_y'])
    return read_rgb(f'{work}/A/net/a.png').astype(int)


def test_tiles_of_a_network_that_averages_are_the_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    net = ARCH_REGISTRY.get('EfficientSRNet')(num_feat=8, num_block=2, upscale=2)
    save_atomic({'params': net.state_dict()}, 'net.pth')
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 128, (60, 90, 3), np.uint8)
    pixels[:, 45:] += 127  # the mean of a tile is not that of the picture
    for name, picture in (('hr', pixels.repeat(2, 0).repeat(2, 1)), ('lr', pixels)):
        Path(name).mkdir()
        write_rgb(f'{name}/a.png', picture)
    whole = made('whole')
    monkeypatch.setattr(scoring, 'AUTO_TILE', 16)
    monkeypatch.setattr(scoring, 'AUTO_TILE_ABOVE', 1000)
    assert np.abs(made('tiles') - whole).max() <= 1  # a value that lay between two
    assert (made('tiles') != whole).mean() < 0.001
