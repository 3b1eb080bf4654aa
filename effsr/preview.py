"""See what a training would train on: a contact sheet of gt, degraded crops and what was drawn, and its distribution.

    python effsr/preview.py -opt options/train_esrnet_x4.yml [-n 16] [-o FILE.png] [--seed N] [--iteration N]

Exit status 0 if everything was written.
"""
import argparse
import sys
from contextlib import suppress
from pathlib import Path

if __name__ == '__main__' and not __package__:
    import _script  # noqa: F401

import effsr  # noqa: F401  registers effsr's classes
from effsr.command_line import failure_line
from effsr.data.building import build_dataset
from effsr.data.image_encode import write_bytes
from effsr.data.image_io import write_rgb
from effsr.data.sample import write_sample_photographs
from effsr.data.tolerant import TolerantDataset
from effsr.options import OptionError, Options, load_options, locate
from effsr.sheets.arguments import check, parse_arguments
from effsr.sheets.distribution import as_csv, as_lines, distribution
from effsr.sheets.first_samples import draw_sheet, drawn_for, first_indices, make_first_samples, sheet_title


def preview(args: argparse.Namespace, options: Options) -> None:
    """Write the sheet and the table; print where they are, and the table."""
    if 'train' not in options.datasets:
        raise OptionError('datasets.train: missing; a preview shows a training set')
    sheet = args.o or Path('results') / f'{options.name}_preview.png'
    table = sheet.with_suffix('.csv')
    for file in (sheet, table):
        if file.exists() and not args.overwrite:
            raise ValueError(f'{file}: is there already; give another name with -o, or --overwrite')
    if options.sample_data is not None:
        write_sample_photographs(options.sample_data)
    dataset = TolerantDataset(build_dataset(options, 'train'), 'train')
    samples = make_first_samples(options, dataset, args.n, args.iteration)
    sheet.parent.mkdir(parents=True, exist_ok=True)
    write_rgb(sheet, draw_sheet(samples, sheet_title(options, len(samples), args.iteration)))
    print(f'sheet  {sheet}')
    if samples[0].parameters is None:
        print('table  none: lq comes from the dataset, nothing is drawn')
        return
    rows = distribution(drawn_for(options, first_indices(options, len(dataset), args.draws, args.iteration)))
    write_bytes(table, as_csv(rows).encode())
    print(f'table  {table}, {args.draws:,} draws:\n\n' + '\n'.join(as_lines(rows)))


def main(argv: list[str] | None = None) -> int:
    args = parse_arguments(argv)
    try:
        check(args)
        options = load_options(args.opt, args.force_yml, check_files=False)
        preview(args, options if args.seed is None else options.model_copy(update={'manual_seed': args.seed}))
    except (ValueError, OSError) as error:
        text = failure_line(error)
        with suppress(OptionError):
            text = locate(text, args.opt, args.force_yml)
        print(f'preview: {text}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\npreview: stopped', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
