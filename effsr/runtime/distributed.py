"""Process groups: NCCL with GPUs, gloo without; started by torchrun or slurm."""
import functools
import gc
import os
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel


def init_distributed(launcher: str, params: Mapping[str, Any], use_cuda: bool) -> tuple[int, int]:
    """Join the process group that the launcher describes.

    Args:
        launcher: none, pytorch (torchrun's environment variables) or slurm (its own).
        params: dist_params of the option file: backend (nccl or gloo), port.
        use_cuda: Whether the run computes on GPUs.

    Returns:
        rank and world size; 0 and 1 without a launcher.

    Raises:
        ValueError: The launcher's variables are not set, or no launcher was named though torchrun started the process;
            an unknown backend; more processes than GPUs; the other processes cannot be reached.
    """
    if launcher == 'none':
        if int(os.environ.get('WORLD_SIZE', 1)) > 1 and 'TORCHELASTIC_RUN_ID' in os.environ:
            raise ValueError('started by torchrun without --launcher pytorch: every process would train alone and '
                             'write to the same folder; add --launcher pytorch')
        return 0, 1
    wanted = params.get('backend')
    if wanted not in (None, 'nccl', 'gloo'):
        raise ValueError(f'dist_params.backend: {wanted!r} is not known; accepted: nccl, gloo')
    if launcher == 'slurm':
        _slurm_to_torchrun(params.get('port'))
    if 'RANK' not in os.environ:
        raise ValueError('--launcher pytorch: RANK is not set; start with torchrun --nproc_per_node=N effsr/train.py '
                         '-opt FILE --launcher pytorch')
    if use_cuda:
        local, have = int(os.environ.get('LOCAL_RANK', 0)), torch.cuda.device_count()
        if local >= have:
            raise ValueError(f'process {local} of this machine has no GPU, it has {have}; start {have} processes, or '
                             'use num_gpu: 0')
        torch.cuda.set_device(local)
    try:
        dist.init_process_group('nccl' if use_cuda and wanted != 'gloo' else 'gloo')
    except RuntimeError as error:
        raise ValueError('the other processes cannot be reached at MASTER_ADDR:MASTER_PORT '
                         f'({str(error).splitlines()[0]}); check both, or choose another port') from error
    return dist.get_rank(), dist.get_world_size()


def _slurm_to_torchrun(port: int | None) -> None:
    """Set torchrun's variables from slurm's."""
    for name in ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'):
        if name not in os.environ:
            raise ValueError(f'--launcher slurm: {name} is not set; start with srun')
    try:
        hosts = subprocess.run(['scontrol', 'show', 'hostnames', os.environ['SLURM_NODELIST']], capture_output=True,
                               text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError) as error:
        raise ValueError(f'--launcher slurm: scontrol does not name the hosts ({error}); start with srun') from error
    os.environ['MASTER_ADDR'] = hosts[0]
    if port is not None:
        os.environ['MASTER_PORT'] = str(port)
    os.environ.setdefault('MASTER_PORT', '29500')
    os.environ['WORLD_SIZE'] = os.environ['SLURM_NTASKS']
    os.environ['RANK'] = os.environ['SLURM_PROCID']
    os.environ['LOCAL_RANK'] = os.environ.get('SLURM_LOCALID', '0')


def is_lost_connection(error: RuntimeError) -> bool:
    """Whether an error says that another process has gone, as gloo and NCCL do when it was killed."""
    if isinstance(error, dist.DistError):
        return True
    return _joined() and any(part in str(error) for part in ('Connection closed by peer', 'Connection reset by peer',
                                                            'Broken pipe', 'gloo/transport'))


def leave_distributed() -> None:
    """Leave the process group, if one was joined.

    Networks wrapped for it are freed before it: what outlives it until the interpreter ends can abort the process then.
    """
    if _joined():
        gc.collect()
        _group_for_host_values.cache_clear()
        dist.destroy_process_group()


def wrap(net: nn.Module, device: torch.device, distributed: bool, num_gpu: int, find_unused: bool = False) -> nn.Module:
    """Move a network to the device, and wrap it for several processes or several GPUs."""
    net = net.to(device)
    if distributed:
        ids = [torch.cuda.current_device()] if device.type == 'cuda' else None
        return DistributedDataParallel(net, device_ids=ids, find_unused_parameters=find_unused)
    return DataParallel(net) if num_gpu > 1 else net


def _joined() -> bool:
    return dist.is_available() and dist.is_initialized()


@functools.cache
def _group_for_host_values(of: Any) -> Any:
    return None if dist.get_backend() == 'gloo' else dist.new_group(backend='gloo')


def _host_group() -> Any:
    """NCCL moves tensors of GPUs only; what the hosts tell each other goes by gloo, past the device's queue."""
    return _group_for_host_values(dist.group.WORLD)


def average(values: torch.Tensor) -> torch.Tensor:
    """Mean of a tensor over all processes; a collective call."""
    if _joined():
        values = values.clone()
        dist.all_reduce(values)
        values /= dist.get_world_size()
    return values


def share(value: Any) -> Any:
    """Process 0's value on all processes; a collective call."""
    if _joined():
        values = [value]
        dist.broadcast_object_list(values, group=_host_group())
        return values[0]
    return value


def gather(value: Any) -> list[Any]:
    """The values of all processes by rank, on all of them; a collective call. They are pickled."""
    if not _joined():
        return [value]
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value, group=_host_group())
    return values


def agree_or_fail(work: Callable[[], Any], failure: type[Exception]) -> Any:
    """Let process 0 do something for all; what it returns, or its failure, comes to each; a collective call.

    Args:
        work: Called on process 0 alone.
        failure: The kind of exception that is shared; the others see it with the same text.
    """
    outcome, error = None, None
    if not _joined() or dist.get_rank() == 0:
        try:
            outcome = work()
        except failure as raised:
            error = raised
    outcome, text = share((outcome, None if error is None else str(error)))
    if text is not None:
        raise error if error is not None else failure(text)
    return outcome


def any_process(flag: bool) -> bool:
    """Whether the flag is set on one process at least; a collective call that does not wait for the device."""
    if not _joined():
        return flag
    value = torch.tensor(int(flag))
    dist.all_reduce(value, dist.ReduceOp.MAX, group=_host_group())
    return bool(value.item())


def wait_for_all() -> None:
    """Go on when all processes have come here; a collective call."""
    if _joined():
        dist.barrier(group=_host_group())
