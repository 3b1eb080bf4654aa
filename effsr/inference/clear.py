"""What lies under clear pixels, which no one sees until it is enlarged into its neighbours."""
import cv2
import numpy as np

BARELY = 1 / 255  # of opacity: colours of what is seen less than that are as good as any


def fill_clear(pixels: np.ndarray) -> np.ndarray:
    """Give clear pixels the colour of the nearest one that is seen.

    Files hold white, black or anything under clear pixels. A network that enlarges the colours draws an outline of that
    around what is seen, and sharpens it.

    Args:
        pixels: uint8 or uint16 (H, W, C): grey, grey and alpha, RGB, or RGB and alpha.

    Returns:
        A copy; ``pixels`` themselves where they have no alpha, or nothing clear, or nothing else.
    """
    if pixels.shape[2] not in (2, 4):
        return pixels
    clear = pixels[..., -1] < BARELY * np.iinfo(pixels.dtype).max
    if clear.all() or not clear.any():
        return pixels
    _, labels = cv2.distanceTransformWithLabels(clear.astype(np.uint8), cv2.DIST_L2, 5,
                                                labelType=cv2.DIST_LABEL_PIXEL)
    # Seen pixels have labels of their own, which those nearest to them share.
    places = np.zeros(labels.max() + 1, np.int64)
    seen = np.flatnonzero(~clear)
    places[labels.reshape(-1)[seen]] = seen
    colours = pixels.reshape(-1, pixels.shape[2])[:, :-1]
    filled = pixels.copy()
    filled[clear, :-1] = colours[places[labels[clear]]]
    return filled
