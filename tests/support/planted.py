"""Pictures with detail of every size, for tests that look for copies of them."""
import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image


def picture(seed: int, height: int = 160, width: int = 160) -> np.ndarray:
    """(H, W, 3) uint8: noise of several sizes on top of each other."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for sigma in (1.2, 3, 8, 24):
        layer = cv2.GaussianBlur(rng.standard_normal((height, width, 3)).astype(np.float32), (0, 0), sigma)
        total += layer / layer.std() * np.float32(6 + 2 * sigma)
    return np.clip(total + 128, 0, 255).astype(np.uint8)


def compressed(rgb: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, 'JPEG', quality=quality)
    return np.asarray(Image.open(buffer))


def scaled(rgb: np.ndarray, factor: float) -> np.ndarray:
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(rgb), None, fx=factor, fy=factor, interpolation=kind)


def save(path: Path, rgb: np.ndarray, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(rgb)).save(path, **options)
    return path
