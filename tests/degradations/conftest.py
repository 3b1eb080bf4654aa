import numpy as np
import pytest
import skimage.data
import torch

import effsr  # noqa: F401  (makes BasicSR importable for the comparisons)


@pytest.fixture(scope='session')
def photographs() -> dict[str, np.ndarray]:
    """Natural images, (H, W, 3) RGB uint8."""
    return {name: getattr(skimage.data, name)() for name in ('astronaut', 'chelsea', 'coffee')}


@pytest.fixture(scope='session')
def crops(photographs) -> torch.Tensor:
    """(4, 3, 96, 96) RGB in [0, 1]."""
    astronaut, coffee = photographs['astronaut'], photographs['coffee']
    cut = [astronaut[20:116, 160:256], astronaut[200:296, 150:246], coffee[100:196, 250:346], coffee[:96, :96]]
    return torch.stack([torch.from_numpy(c.copy()).permute(2, 0, 1).float() / 255 for c in cut])


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
