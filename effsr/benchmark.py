"""Measure effsr beside what it stands in for.

    python effsr/benchmark.py train [--networks SRVGGNetCompact RRDBNet] [--models RealESRNetModel RealESRGANModel]
    python effsr/benchmark.py degradation [--batch 4] [--crop 400]
    python effsr/benchmark.py data [--images DIR] [--workers 0 2]
    python effsr/benchmark.py discriminators [--batch 2] [--gt_size 128]
    python effsr/benchmark.py models [--models NAME|WEIGHTS ...] [--size 256 ...] [--precision fp32 bf16 int8]
                               [--backend eager openvino ...] [--growth]
    python effsr/benchmark.py upscale [-m WEIGHTS] [--images DIR] [--megapixels 24] [--tasks folder large]
    python effsr/benchmark.py exports -m WEIGHTS [--pairs HR:LR] [--calibrate DIR]

Each subcommand prints its tables, with the sizes and the machine in their head; --json FILE and --markdown FILE keep
them. Exit status 0 if everything was measured.
"""
import argparse
import sys

if __name__ == '__main__' and not __package__:  # a spawned process has sys.path already
    import _script  # noqa: F401

import torch

import effsr  # noqa: F401  installs the bridge
from effsr.benchmarks import data, degradation, discriminators, exported, models, train, upscale
from effsr.command_line import failure_line
from effsr.runtime.measured import command_line

SUBCOMMANDS = {'train': train, 'degradation': degradation, 'data': data, 'discriminators': discriminators,
               'models': models, 'upscale': upscale, 'exports': exported}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='benchmark.py', description='Measure effsr beside what it stands in for.')
    commands = parser.add_subparsers(dest='what', required=True)
    for name, module in SUBCOMMANDS.items():
        summary = module.__doc__.splitlines()[0]
        module.add_arguments(commands.add_parser(name, help=summary, description=summary))
    args = parser.parse_args(argv)
    args.command = command_line('effsr/benchmark.py', argv)
    try:
        whole = SUBCOMMANDS[args.what].run(args)
    except (ValueError, OSError, ImportError) as error:
        print(f'benchmark {args.what}: {failure_line(error)}', file=sys.stderr)
        return 1
    except torch.OutOfMemoryError as error:
        reason = next(iter(str(error).splitlines()), '')
        print(f'benchmark {args.what}: out of memory: {reason}; lower --batch or the side', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f'benchmark {args.what}: stopped; nothing was written', file=sys.stderr)
        return 130
    return 1 if whole is False else 0


if __name__ == '__main__':
    raise SystemExit(main())
