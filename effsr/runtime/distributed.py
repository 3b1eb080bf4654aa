"""Process groups: NCCL with GPUs, gloo without; started by torchrun or slurm."""
import os
import subprocess
from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel


def init_distributed(launcher: str, params: Mapping[str, Any]) -> tuple[int, int]:
    """Join the process group that the launcher describes.

    Args:
        launcher: none, pytorch (torchrun's environment variables) or slurm (its own).
        params: dist_params of the option file: backend, port.

    Returns:
        rank and world size; 0 and 1 without a launcher.

    Raises:
        ValueError: The launcher's variables are not set.
    """
    if launcher == 'none':
        return 0, 1
    if launcher == 'slurm':
        _slurm_to_torchrun(params.get('port'))
    if 'RANK' not in os.environ:
        raise ValueError('--launcher pytorch: RANK is not set; start with torchrun --nproc_per_node=N effsr/train.py '
                         '-opt FILE --launcher pytorch')
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get('LOCAL_RANK', 0)))
    wanted = params.get('backend')
    backend = 'nccl' if torch.cuda.is_available() and wanted != 'gloo' else 'gloo'
    dist.init_process_group(backend)
    return dist.get_rank(), dist.get_world_size()


def _slurm_to_torchrun(port: int | None) -> None:
    """Set torchrun's variables from slurm's."""
    if 'SLURM_PROCID' not in os.environ:
        raise ValueError('--launcher slurm: SLURM_PROCID is not set; start with srun')
    first = subprocess.run(['scontrol', 'show', 'hostnames', os.environ['SLURM_NODELIST']], capture_output=True,
                           text=True, check=True).stdout.split()[0]
    os.environ['MASTER_ADDR'] = first
    if port is not None:
        os.environ['MASTER_PORT'] = str(port)
    os.environ.setdefault('MASTER_PORT', '29500')
    os.environ['WORLD_SIZE'] = os.environ['SLURM_NTASKS']
    os.environ['RANK'] = os.environ['SLURM_PROCID']
    os.environ['LOCAL_RANK'] = os.environ.get('SLURM_LOCALID', '0')


def leave_distributed() -> None:
    """Leave the process group, if one was joined."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def wrap(net: nn.Module, device: torch.device, distributed: bool, num_gpu: int, find_unused: bool = False) -> nn.Module:
    """Move a network to the device, and wrap it for several processes or several GPUs."""
    net = net.to(device)
    if distributed:
        ids = [torch.cuda.current_device()] if device.type == 'cuda' else None
        return DistributedDataParallel(net, device_ids=ids, find_unused_parameters=find_unused)
    return DataParallel(net) if num_gpu > 1 else net


def average(values: torch.Tensor) -> torch.Tensor:
    """Mean of a tensor over all processes; a collective call."""
    if dist.is_available() and dist.is_initialized():
        values = values.clone()
        dist.all_reduce(values)
        values /= dist.get_world_size()
    return values
