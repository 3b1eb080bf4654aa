"""The command line of effsr/evaluate.py."""
import argparse
import os
import tempfile
from pathlib import Path

from effsr.curation.arguments import cores, number
from effsr.metrics.catalogue import DEFAULTS, metric_names
from effsr.runtime.measured import check_distinct, check_target

WORK = Path('results/evaluation')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add all flags."""
    what = parser.add_argument_group('what is compared')
    what.add_argument('-m', '--models', nargs='+', action='extend', required=True, metavar='MODEL',
                      help='a file of weights, an exported file, bicubic, lanczos, or a folder of pictures; '
                           'NAME=FILE gives a name')
    what.add_argument('-d', '--sets', nargs='+', action='extend', required=True, metavar='NAME=HR[:LR]',
                      help='a set: folders of ground truth and of low-resolution pictures; without LR they are made '
                           "by MATLAB's bicubic; NAME=:LR has no ground truth")
    what.add_argument('-s', '--scale', type=number(int, least=1, most=16), metavar='S',
                      help="default: the weights', else that of the pictures, else 4")
    what.add_argument('--degrade', type=Path, metavar='OPTIONS.yml',
                      help="make missing low-resolution pictures with this option file's degradation")
    what.add_argument('--seed', type=number(int, least=0), default=0, metavar='N', help='of --degrade (0)')
    what.add_argument('--baseline', metavar='NAME', help='whom differences are taken to (the first model)')
    _add_metrics(parser.add_argument_group('metrics'))
    out = parser.add_argument_group('where it is written')
    out.add_argument('--report', type=Path, metavar='DIR', help='write a page to look at: DIR/index.html')
    for name, words in (('json', 'everything found'), ('markdown', 'the tables'), ('csv', 'a line for each value')):
        out.add_argument(f'--{name}', type=Path, metavar='FILE', help=f'write {words}')
    out.add_argument('--work', type=Path, default=WORK, metavar='DIR',
                     help=f'folder of results, with which a second run goes on ({WORK.as_posix()})')
    how = parser.add_argument_group('how')
    how.add_argument('--processes', '--jobs', type=number(int, least=1), default=cores(), metavar='N',
                     help=f'how many work at once; the figures do not depend on it (all cores: {cores()})')
    how.add_argument('--device', default='auto', choices=('auto', 'cpu', 'cuda'))
    how.add_argument('-t', '--tile', type=number(int, least=0), default=0, metavar='N',
                     help='tile side in input pixels; 0 (default): whole, but tiles of 512 above 1 megapixel')
    how.add_argument('--tile_pad', type=number(int, least=0), metavar='N',
                     help='halo of a tile; default: what the network looks at')
    how.add_argument('--import', dest='modules', action='append', default=[], metavar='MODULE',
                     help="import a module first: one that registers the weights' own architecture")


def _add_metrics(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--metrics', nargs='+', default=list(DEFAULTS), metavar='NAME',
                       help=f'{", ".join(metric_names())}, pyiqa:NAME (default: {" ".join(DEFAULTS)})')
    group.add_argument('--border', type=number(int, least=0), metavar='N',
                       help='pixels left out at each side (default: the scale)')
    group.add_argument('--grey', nargs='+', default=['luma'], metavar='WHICH',
                       help='of grey ground truth, for metrics on luma: luma: three equal channels, converted '
                            '(default); value: its grey value; or names of the pictures to take by their value')
    group.add_argument('--metric_weights', nargs='+', action='extend', default=[], metavar='NAME=FILE',
                       help='weights of a metric that uses a network')
    group.add_argument('--download', action='store_true', help='let metrics download weights that are not here')
    group.add_argument('--pyiqa', type=Path, metavar='DIR', help='virtual environment that has pyiqa')


def check_outputs(args: argparse.Namespace) -> None:
    """Refuse outputs that cannot be written, before anything long starts.

    Raises:
        ValueError: One line: the flag, its value, what to do.
    """
    files = {name: getattr(args, name) for name in ('json', 'markdown', 'csv')}
    for name, path in files.items():
        check_target(path, f'--{name}')
    check_distinct(**files)
    for name in ('report', 'work'):
        _check_folder(getattr(args, name), f'--{name}')


def _check_folder(folder: Path | None, flag: str) -> None:
    if folder is None:
        return
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(place))
    if not there.is_dir():
        raise ValueError(f'{flag} {folder}: {there} is a file; give a folder, new or not')
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise ValueError(f'{flag} {folder}: {there} cannot be written to ({error.strerror}); make it writable, or '
                         'give another folder') from error
