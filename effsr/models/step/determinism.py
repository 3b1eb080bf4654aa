"""The same bits from the same run: what torch must be told on a GPU; on a CPU nothing is lost by it."""
import os

import torch

from effsr.options import Options

# Of the two settings under which cuBLAS repeats itself, the faster (docs.nvidia.com/cuda/cublas, "Results
# reproducibility"); the other is :16:8.
CUBLAS_WORKSPACE = ':4096:8'


def enforce(options: Options) -> None:
    """Switch deterministic algorithms on where `deterministic` says so; otherwise nothing is changed.

    To be called before CUDA is first used, for cuBLAS reads its setting then, and again after whoever switches cudnn's
    benchmark on, as BasicSR's train_pipeline does at its start.
    """
    if not options.deterministic:
        return
    os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', CUBLAS_WORKSPACE)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
