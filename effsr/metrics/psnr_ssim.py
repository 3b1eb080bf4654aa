"""PSNR and SSIM as MATLAB-based super-resolution papers compute them, on plain arrays."""
import numpy as np

PEAK = 255.0
WINDOW = 11
SIGMA = 1.5
C1 = (0.01 * PEAK) ** 2
C2 = (0.03 * PEAK) ** 2
# Rows filtered at a time: the intermediate sums then stay in the processor's cache, whatever the picture's size.
ROWS = 64
BT601_RGB = (65.481, 128.553, 24.966)


def rgb_to_y(img: np.ndarray) -> np.ndarray:
    """Luma by BT.601 in studio range, the first channel of MATLAB's rgb2ycbcr, not rounded.

    Not rounded, because published figures are not: MATLAB rounds Y only for a uint8 argument. (H, W, 3) RGB in
    [0, 255] -> (H, W) float64 in [16, 235].
    """
    return 16.0 + img.astype(np.float64) @ (np.array(BT601_RGB) / 255.0)


def psnr(img: np.ndarray, img2: np.ndarray, crop_border: int = 0, test_y_channel: bool = False) -> float:
    """Peak signal-to-noise ratio for a peak of 255, in dB, over all pixels and channels together.

    Args:
        img: (H, W, 3) RGB, or (H, W) or (H, W, 1) grey; uint8, or float in [0, 255].
        img2: The other picture, of the same shape.
        crop_border: Pixels left out at each side.
        test_y_channel: Compare BT.601 luma, not rounded. A grey picture's value is taken as its luma.

    Returns:
        The ratio; ``inf`` for identical pictures.

    Raises:
        ValueError: Shapes differ or are of another kind, the dtype is neither uint8 nor float, or nothing is left
            within the border.
    """
    a, b = prepare_pair(img, img2, crop_border, test_y_channel, smallest=1)
    error = np.mean((a - b) ** 2)
    return float('inf') if error == 0 else float(10.0 * np.log10(PEAK**2 / error))


def ssim(img: np.ndarray, img2: np.ndarray, crop_border: int = 0, test_y_channel: bool = False) -> float:
    """Structural similarity, 1 for identical pictures.

    Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE TIP 2004: Gaussian
    window of 11 x 11 and sigma 1.5, K1 0.01, K2 0.03, averaged where the window lies within the picture. For RGB, the
    mean of the three channels' values. The authors' optional shrinking of large pictures is not done.

    Args:
        img: (H, W, 3) RGB, or (H, W) or (H, W, 1) grey; uint8, or float in [0, 255].
        img2: The other picture, of the same shape.
        crop_border: Pixels left out at each side.
        test_y_channel: Compare BT.601 luma, not rounded. A grey picture's value is taken as its luma.

    Raises:
        ValueError: As for :func:`psnr`; or less than 11 pixels are left within the border.
    """
    a, b = prepare_pair(img, img2, crop_border, test_y_channel, smallest=WINDOW)
    return float(np.mean([mean_similarities(a[..., c], b[..., c])[0] for c in range(a.shape[2])]))


def prepare_pair(
    img: np.ndarray, img2: np.ndarray, crop_border: int, test_y_channel: bool, smallest: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Check both pictures; return them cropped, as (h, w, channels) float64.

    Args:
        img: As for :func:`psnr`.
        img2: The other.
        crop_border: Pixels left out at each side.
        test_y_channel: Return BT.601 luma as the only channel.
        smallest: Least height and width within the border.

    Raises:
        ValueError: As for :func:`psnr`.
    """
    if img.shape != img2.shape:
        raise ValueError(f'pictures of different shapes: {img.shape} and {img2.shape} (height, width, channels)')
    if img.ndim not in (2, 3) or img.shape[2:] not in ((), (1,), (3,)):
        raise ValueError(f'a picture of shape {img.shape}; accepted: (H, W, 3), (H, W, 1) or (H, W)')
    first, second = (_channels(cropped(array, crop_border, smallest), test_y_channel) for array in (img, img2))
    return first, second


def cropped(img: np.ndarray, crop_border: int, smallest: int = 1) -> np.ndarray:
    """A picture without its border.

    Args:
        img: (H, W) or (H, W, C), uint8 or float.
        crop_border: Pixels left out at each side.
        smallest: Least height and width that must be left.

    Raises:
        ValueError: The dtype is another, less is left, or crop_border is no whole number from 0.
    """
    if img.dtype != np.uint8 and not np.issubdtype(img.dtype, np.floating):
        raise ValueError(f'a picture of dtype {img.dtype}; accepted: uint8, or float in [0, 255]')
    if crop_border != int(crop_border) or crop_border < 0:
        raise ValueError(f'crop_border is {crop_border}; accepted: a whole number from 0')
    border = int(crop_border)
    height, width = img.shape[:2]
    if min(height, width) - 2 * border < smallest:
        raise ValueError(f'a picture of {height} x {width} (height x width) less a border of {border} at each side; '
                         f'at least {smallest} x {smallest} must be left')
    return img[border:height - border, border:width - border]


def _channels(img: np.ndarray, test_y_channel: bool) -> np.ndarray:
    if img.ndim == 2:
        img = img[..., None]
    if test_y_channel and img.shape[2] == 3:
        return rgb_to_y(img)[..., None]
    return img.astype(np.float64)


def mean_similarities(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Means of two maps of two (H, W) float64 arrays over the window's valid positions.

    Returns:
        SSIM; and its second factor alone, contrast with structure.
    """
    height, width = a.shape
    rows, columns = height - WINDOW + 1, width - WINDOW + 1
    total, contrasts = 0.0, 0.0
    for top in range(0, rows, ROWS):
        part = slice(top, min(top + ROWS, rows) + WINDOW - 1)
        x, y = a[part], b[part]
        mean_x, mean_y, square, product = (_gaussian_valid(z) for z in (x, y, x * x + y * y, x * y))
        means, squares = mean_x * mean_y, mean_x**2 + mean_y**2
        contrast = (2.0 * (product - means) + C2) / (square - squares + C2)
        total += float(np.sum((2.0 * means + C1) / (squares + C1) * contrast))
        contrasts += float(np.sum(contrast))
    return total / (rows * columns), contrasts / (rows * columns)


def _gaussian_valid(x: np.ndarray) -> np.ndarray:
    """Filter (H, W) with the window, along columns and then rows -> (H - 10, W - 10)."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    taps = np.exp(-(offsets**2) / (2.0 * SIGMA**2))
    taps /= taps.sum()
    height, width = x.shape[0] - WINDOW + 1, x.shape[1] - WINDOW + 1
    vertical = sum(tap * x[k:k + height] for k, tap in enumerate(taps))
    return sum(tap * vertical[:, k:k + width] for k, tap in enumerate(taps))
