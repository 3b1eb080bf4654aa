"""Small photographs whose every pixel tells its place."""
import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def write():
    """write(path, height, width, shift=0): a PNG with red = row, green = column, blue = shift; returns its pixels."""
    def make(path, height, width, shift=0):
        rows, columns = np.mgrid[:height, :width]
        pixels = np.stack([rows, columns, np.full_like(rows, shift)], 2).astype(np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        return pixels
    return make
