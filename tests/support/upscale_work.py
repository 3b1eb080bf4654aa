"""Weights whose results are known, for tests of upscaling."""
from pathlib import Path

import numpy as np
import torch

from effsr.inference.engine import EngineSettings, open_engine
from effsr.inference.weights import load_model
from effsr.runtime.checkpoint import save_atomic


def nearest_weights(path: Path, scale: int = 2) -> Path:
    """A tiny SRVGGNetCompact that repeats pixels, as its last layer is zero."""
    from basicsr.utils.registry import ARCH_REGISTRY

    net = ARCH_REGISTRY.get('SRVGGNetCompact')(num_feat=4, num_conv=1, upscale=scale)
    torch.nn.init.zeros_(net.body[-1].weight)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_atomic({'params': net.state_dict()}, path)
    return path


def nearest_engine(folder: Path, scale: int = 2):
    """Of these weights, in fp32."""
    return open_engine(load_model(nearest_weights(folder / 'engine.pth', scale)), EngineSettings(precision='fp32'))


def repeated(pixels: np.ndarray, scale: int = 2) -> np.ndarray:
    return pixels.repeat(scale, 0).repeat(scale, 1)
