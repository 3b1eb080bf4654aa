"""Upscales a folder the way that Real-ESRGAN's inference script does: what effsr/upscale.py is compared with.

    python -m effsr.benchmarks.reference_way WEIGHTS INPUT OUTPUT TILE PAD DEVICE

One picture after the other: decoded by OpenCV, turned into one float tensor, run whole (TILE 0) or in tiles with PAD
pixels around each that are put together into one result in memory, rounded, written as PNG. On CUDA in half precision,
as that script does unless told otherwise.
"""
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

import effsr  # noqa: F401  registers the architectures
from effsr.inference.weights import load_model


def in_tiles(net: Callable[[Tensor], Tensor], picture: Tensor, scale: int, tile: int, pad: int) -> Tensor:
    """(1, 3, H, W) -> (1, 3, H * scale, W * scale), tile by tile, of each the part without what lies around it."""
    height, width = picture.shape[-2:]
    result = picture.new_zeros(1, 3, height * scale, width * scale)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            bottom, right = min(top + tile, height), min(left + tile, width)
            above, before = min(pad, top), min(pad, left)
            part = net(picture[..., top - above:bottom + pad, left - before:right + pad])
            part = part[..., above * scale:, before * scale:]
            result[..., top * scale:bottom * scale, left * scale:right * scale] = (
                part[..., :(bottom - top) * scale, :(right - left) * scale])
    return result


@torch.no_grad()
def upscale(net: Callable[[Tensor], Tensor], pixels: np.ndarray, scale: int, tile: int, pad: int, like: Tensor,
            ) -> np.ndarray:
    """uint8 (H, W, 3) BGR -> uint8 (H * scale, W * scale, 3) BGR, on the device and in the precision of ``like``."""
    rgb = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB).astype(np.float32) / 255
    picture = torch.from_numpy(rgb.transpose(2, 0, 1)).float()[None].to(like)
    answer = in_tiles(net, picture, scale, tile, pad) if tile else net(picture)
    planes = answer[0].float().cpu().clamp_(0, 1).numpy()
    return (np.transpose(planes[[2, 1, 0]], (1, 2, 0)) * 255.0).round().astype(np.uint8)


def main(weights: str, source: str, target: str, tile: str, pad: str, device: str) -> None:
    """Upscale every picture of a folder."""
    model = load_model(weights, device)
    net = model.net.half() if device == 'cuda' else model.net
    like = next(net.parameters())
    for path in sorted(Path(source).iterdir()):
        result = upscale(net, cv2.imread(str(path)), model.scale, int(tile), int(pad), like)
        cv2.imwrite(str(Path(target) / f'{path.stem}_out.png'), result)


if __name__ == '__main__':
    main(*sys.argv[1:])
