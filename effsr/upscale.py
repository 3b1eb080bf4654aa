"""Upscale pictures, animations and videos with trained weights.

    python effsr/upscale.py -i PHOTO_FOLDER_PATTERN_OR_VIDEO [-o results] [-m WEIGHTS] [-s FACTOR]

Exit status 0 if every input was upscaled, else 1; 130 after Ctrl-C.
"""
import argparse
import sys
from importlib import import_module
from pathlib import Path

if __name__ == '__main__' and not __package__:
    import _script  # noqa: F401

import torch

import effsr  # noqa: F401
from effsr.data.image_meta import Encoding
from effsr.inference.arguments import parse_arguments
from effsr.inference.engine import EngineSettings, OutOfMemory
from effsr.inference.opening import Network, open_network
from effsr.inference.plan import Plan
from effsr.inference.settings import Film, Settings
from effsr.inference.sources import PICTURE_SUFFIXES, VIDEO_SUFFIXES, Source, list_sources
from effsr.inference.telling import Teller
from effsr.inference.upscaling import upscale_files
from effsr.inference.weights import newest_quickstart_weights

NO_WEIGHTS = ('no weights in experiments/quickstart_*/models; pass -m WEIGHTS, or train some: '
              'python effsr/train.py -opt options/quickstart_esrnet_x4.yml, then '
              'python effsr/train.py -opt options/quickstart_esrgan_x4.yml')
GIGABYTE = 1024**3


def read_settings(args: argparse.Namespace, sources: list[Source]) -> Settings:
    """The settings that the flags say.

    Raises:
        ValueError: A value out of range.
    """
    if args.memory is not None and not args.memory > 0:
        raise ValueError(f'--memory is {args.memory}; accepted: gigabytes, above 0')
    plan = Plan(args.scale, args.tile, args.tile_pad, args.batch, args.bits, args.alpha,
                None if args.memory is None else max(1, int(args.memory * GIGABYTE)))
    output, name = args.output, ''
    if output.suffix.lower() in (*PICTURE_SUFFIXES, *VIDEO_SUFFIXES) and not output.is_dir():
        if len(sources) > 1 or args.ext != 'auto':
            raise ValueError(f'-o {output}: names a file, which is for one input and without --ext; accepted: a folder')
        output, name = output.parent, output.name
    return Settings(output, name, args.suffix, args.ext, args.overwrite, args.resume, args.compare, args.max_pixels,
                    plan, Encoding(args.quality, args.lossless), Film(args.codec, args.crf))


def open_weights(args: argparse.Namespace, teller: Teller) -> Network:
    """The network that the flags say.

    Raises:
        ValueError: There is none, or it cannot be used.
    """
    weights = args.model or newest_quickstart_weights()
    if weights is None:
        raise ValueError(NO_WEIGHTS)
    other, share = (None, 0.0) if args.blend is None else (Path(args.blend[0]), read_share(args.blend[1]))
    running = EngineSettings(args.backend, args.precision, args.device, args.channels_last, args.compile, args.threads)
    network = open_network(weights, running, teller.note, other, share)
    chosen = '' if args.model else ' (the newest quickstart weights, as no -m was given)'
    teller.line(f'weights  {weights}{chosen}')
    teller.line(f'network  {network.description}' + (f'\nnote     {network.note}' if network.note else ''))
    threads = f' (threads: {torch.get_num_threads()})' if 'cpu' in network.engine.name else ''
    teller.line(f'runs on  {network.engine.name}{threads}')
    return network


def read_share(text: str) -> float:
    """The second value of --blend.

    Raises:
        ValueError: It is not a number from 0 to 1.
    """
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f'--blend: {text!r} is no share; accepted: --blend OTHER A, A from 0 to 1')
    return share


def main(argv: list[str] | None = None) -> int:
    args = parse_arguments(argv)
    sys.path.append(str(Path.cwd()))
    teller = Teller()
    try:
        for name in args.modules:
            import_module(name)
        sources = list_sources(args.input, args.recursive)
        if all(source.error for source in sources):
            raise ValueError('\nupscale: '.join(source.error for source in sources))
        settings = read_settings(args, sources)
        network = open_weights(args, teller)
        settings = settings.of_network(network.identity)
        with teller.following(sources):
            for outcome in upscale_files(network.engine, sources, settings, teller.note, teller.progress):
                teller.report(outcome)
    except (ValueError, ImportError, OutOfMemory) as error:  # the last: not even a probe fits
        print(f'upscale: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f'upscale: stopped; what lies in {args.output} is whole, and --resume goes on from there',
              file=sys.stderr)
        return 130
    teller.summary(args.output)
    return 1 if teller.failed else 0


if __name__ == '__main__':
    raise SystemExit(main())
