"""Computes one of pyiqa's metrics in an environment of its own, asked by effsr.metrics.external.

Run by that environment's Python: PYTHON -I pyiqa_worker.py NAME DEVICE yes|no (download weights). It imports nothing
of effsr, which that environment lacks. JSON lines: first what the metric is, or an error; then for each
{"result": FILE.npy, "gt": FILE.npy or null} a {"value": number} or {"error": reason}. The files hold (H, W, 3) float32
in [0, 1].
"""
import json
import os
import sys


def forbid_downloads() -> None:
    """Make whatever pyiqa would fetch fail with a reason."""
    os.environ['HF_HUB_OFFLINE'] = '1'
    import torch

    def refuse(url, *arguments, **keywords):
        raise RuntimeError(f'{url} is not there, and downloading was not allowed')
    torch.hub.download_url_to_file = refuse


def one_line(error: BaseException) -> str:
    """Kind and first line of an error."""
    return f'{type(error).__name__}: {next(iter(str(error).splitlines()), "")}'


def answer(metric, device: str, request: dict) -> dict:
    """The reply to one request."""
    import numpy as np
    import torch

    def read(path):
        return torch.from_numpy(np.load(path)).permute(2, 0, 1)[None].to(device)
    try:
        pictures = [read(request[key]) for key in ('result', 'gt') if request[key] is not None]
        with torch.no_grad():
            return {'value': float(metric(*pictures))}
    # A metric of pyiqa's may fail in any way.
    except Exception as error:
        return {'error': one_line(error)}


def main(name: str, device: str, download: str) -> None:
    """Reads requests until there are no more."""
    # What libraries print goes to the error stream; the lines of the protocol stand alone.
    replies = os.fdopen(os.dup(1), 'w', encoding='utf-8')
    os.dup2(2, 1)

    def reply(document):
        print(json.dumps(document), file=replies, flush=True)
    try:
        if download == 'no':
            forbid_downloads()
        import pyiqa
        metric = pyiqa.create_metric(name, device=device)
        reply({'ready': True, 'better': 'lower' if metric.lower_better else 'higher',
               'needs_gt': metric.metric_mode == 'FR', 'version': pyiqa.__version__})
    # It may fail in any way too.
    except Exception as error:
        reply({'error': one_line(error)})
        return
    for line in sys.stdin:
        reply(answer(metric, device, json.loads(line)))


if __name__ == '__main__':
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
