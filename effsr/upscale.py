"""Upscale a picture, or a folder of pictures, with trained weights.

    python effsr/upscale.py -i PHOTO_OR_FOLDER [-o results] [-m WEIGHTS]

Exit status 0 if every picture was upscaled, else 1.
"""
import sys
from importlib import import_module
from pathlib import Path

if __name__ == '__main__' and not __package__:
    import _script  # noqa: F401

import torch

import effsr  # noqa: F401
from effsr.inference.arguments import parse_arguments
from effsr.inference.upscaling import Outcome, Settings, choose_device, list_inputs, upscale_files
from effsr.inference.weights import load_model, newest_quickstart_weights

NO_WEIGHTS = ('no weights in experiments/quickstart_*/models; pass -m WEIGHTS, or train some: '
              'python effsr/train.py -opt options/quickstart_esrnet_x4.yml, then '
              'python effsr/train.py -opt options/quickstart_esrgan_x4.yml')


def report(number: int, total: int, outcome: Outcome) -> None:
    if outcome.error:
        print(f'[{number}/{total}] failed: {outcome.error}', file=sys.stderr, flush=True)
        return
    (height, width), (new_height, new_width) = outcome.size_in, outcome.size_out
    tiles = f', tiles of {outcome.tile}' if outcome.tile else ''
    print(f'[{number}/{total}] {outcome.source} {width}x{height} -> {outcome.target} {new_width}x{new_height} '
          f'({outcome.seconds:.2f} s{tiles})', flush=True)


def main(argv: list[str] | None = None) -> int:
    args = parse_arguments(argv)
    sys.path.append(str(Path.cwd()))
    try:
        for name in args.modules:
            import_module(name)
        settings = Settings(args.output, args.suffix, args.ext, args.tile, args.tile_pad, args.overwrite)
        sources = list_inputs(args.input)
        weights = args.model or newest_quickstart_weights()
        if weights is None:
            raise ValueError(NO_WEIGHTS)
        device = choose_device(args.device)
        model = load_model(weights, device)
    except (ValueError, ImportError) as error:
        print(f'upscale: {error}', file=sys.stderr)
        return 1
    chosen = '' if args.model else ', the newest quickstart weights, as no -m was given'
    print(f'device   {device}' + (f' (threads: {torch.get_num_threads()})' if device.type == 'cpu' else ''))
    print(f'weights  {weights} ({model.key}{chosen})')
    print(f'network  {model.arch} x{model.scale} {model.args}' + (f'\nnote     {model.note}' if model.note else ''))
    failed = 0
    try:
        for number, outcome in enumerate(upscale_files(model, sources, settings), 1):
            report(number, len(sources), outcome)
            failed += bool(outcome.error)
    except KeyboardInterrupt:
        print(f'upscale: stopped; what lies in {settings.output} is whole', file=sys.stderr)
        return 130
    print(f'{len(sources) - failed} upscaled, {failed} failed -> {settings.output}')
    return 1 if failed else 0


if __name__ == '__main__':
    raise SystemExit(main())
