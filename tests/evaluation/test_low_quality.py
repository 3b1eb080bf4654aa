"""Low-resolution pictures that are made."""
import effsr  # noqa: F401  installs the bridge

# isort: split
from pathlib import Path

import numpy as np
import pytest

from effsr.data.degraded_dataset import DegradedDataset
from effsr.data.image_io import read_rgb, to_uint8, write_rgb
from effsr.degradations import DegradationSettings
from effsr.evaluation.low_quality import Recipe, low_quality, read_recipe

ROOT = Path(__file__).parents[2]
SET5 = ROOT.parent / 'shared/data/val/Set5'
OPTIONS = ROOT / 'options/quickstart_esrnet_x4.yml'


@pytest.mark.skipif(not SET5.exists(), reason='no Set5')
@pytest.mark.parametrize('scale', [2, 4])
def test_bicubic_is_that_of_the_published_pictures(scale):
    for path in sorted((SET5 / 'HR').iterdir()):
        truth = read_rgb(path)
        height, width = (side - side % scale for side in truth.shape[:2])
        np.testing.assert_array_equal(low_quality(truth[:height, :width], path.name, Recipe(scale)),
                                      read_rgb(SET5 / f'LRx{scale}' / path.name))


def test_degraded_as_a_validation_set_is(tmp_path):
    truth = np.random.default_rng(0).integers(0, 256, (64, 48, 3), np.uint8)
    write_rgb(tmp_path / 'a.png', truth)
    opt = {'name': 'v', 'type': 'DegradedDataset', 'dataroot_gt': str(tmp_path), 'phase': 'val', 'scale': 4, 'seed': 3}
    wanted = to_uint8(DegradedDataset(opt)[0]['lq'])
    recipe = Recipe(4, DegradationSettings(), 3)
    np.testing.assert_array_equal(low_quality(truth, 'a.png', recipe), wanted)
    assert (low_quality(truth, 'b.png', recipe) != wanted).any()
    assert (low_quality(truth, 'a.png', Recipe(4, DegradationSettings(), 4)) != wanted).any()


def test_sixteen_bits_become_eight():
    deep = np.full((8, 8, 3), 128 * 257 + 100, np.uint16)
    assert low_quality(deep, 'a.png', Recipe(4)).tolist() == np.full((2, 2, 3), 128).tolist()


def test_recipes(tmp_path):
    assert read_recipe(None, 3, 7) == Recipe(3)
    assert read_recipe(OPTIONS, 4, 7).made.startswith('degradation of ')
    with pytest.raises(ValueError, match='its scale is 4, and this evaluation is at 2; give an option file of scale 2'):
        read_recipe(OPTIONS, 2, 0)
    with pytest.raises(ValueError, match=r'nothere\.yml: no such option file'):
        read_recipe(tmp_path / 'nothere.yml', 4, 0)
