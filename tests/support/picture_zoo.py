"""A folder with a picture of every kind that is read."""
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

ORIENTATION = 0x0112


def fill_zoo(folder: Path) -> list[str]:
    """Write small pictures of noise, no two of one stem; return their names in the order of a folder."""
    drawn = np.random.default_rng(5)

    def noise(*shape: int, dtype=np.uint8) -> np.ndarray:
        return drawn.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)

    (folder / 'sub').mkdir(parents=True)
    turned = Image.Exif()
    turned[ORIENTATION] = 6
    Image.fromarray(noise(21, 34, 3)).save(folder / 'jpeg_turned.jpg', exif=turned, quality=95)
    Image.fromarray(noise(20, 31, 3)).save(folder / 'jpeg.JPG')
    Image.fromarray(noise(22, 30)).save(folder / 'jpeg_gray.jpeg')
    Image.fromarray(noise(23, 29, 3)).save(folder / 'png.png')
    Image.fromarray(noise(24, 28)).save(folder / 'png_gray.png')
    Image.fromarray(noise(25, 27, 4)).save(folder / 'sub' / 'png_alpha.png')
    Image.fromarray(noise(25, 26, 2), 'LA').save(folder / 'sub' / 'png_gray_alpha.png')
    Image.fromarray(noise(26, 26, 3)).convert('P').save(folder / 'palette.png')
    Image.fromarray(noise(27, 25, 3)).save(folder / 'sub' / 'webp ä (1).webp', lossless=True)
    Image.fromarray(noise(28, 24, 4)).save(folder / 'webp_alpha.webp', lossless=True)
    Image.fromarray(noise(29, 23, 3)).save(folder / 'tiff.tif')
    Image.fromarray(noise(30, 22, 3)).save(folder / 'bitmap.bmp')
    cv2.imwrite(str(folder / 'deep.png'), noise(31, 21, 3, dtype=np.uint16))
    cv2.imwrite(str(folder / 'deep_gray.png'), noise(32, 20, dtype=np.uint16))
    cv2.imwrite(str(folder / 'deep_alpha.png'), noise(33, 19, 4, dtype=np.uint16))
    cv2.imwrite(str(folder / 'deep.a.tiff'), noise(34, 18, 3, dtype=np.uint16))
    files = (path.relative_to(folder) for path in folder.rglob('*') if path.is_file())
    return [path.as_posix() for path in sorted(files, key=lambda path: path.parts)]
