"""How much memory a run has needed."""
import sys

import torch


def peak_memory(device: torch.device) -> int | None:
    """Bytes at the peak: of the GPU where one is used, else of this process; None where the system does not tell.

    Processes that read images are not counted.
    """
    if device.type == 'cuda':
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource  # Linux and macOS only
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == 'darwin' else peak * 1024
