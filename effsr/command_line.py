"""The command line that effsr/train.py and effsr/test.py share: BasicSR's flags, and how a failure is told."""
import argparse
import errno
from pathlib import Path
from typing import NamedTuple

UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


class Arguments(NamedTuple):
    """Parsed flags."""

    opt: str
    launcher: str
    auto_resume: bool
    debug: bool
    force_yml: list[str]
    check: bool
    reset_schedule: bool
    replay: str | None
    json: Path | None


def parse_arguments(argv: list[str] | None, is_train: bool) -> Arguments:
    """Parse BasicSR's flags; None takes sys.argv."""
    what = 'Train' if is_train else 'Test'
    parser = argparse.ArgumentParser(description=f'{what} a network as an option file says.')
    parser.add_argument('-opt', required=True, help='option file (YAML), for example options/quickstart_esrnet_x4.yml')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm'], default='none',
                        help='pytorch: started by torchrun')
    parser.add_argument('--auto_resume', action='store_true', help='go on from the newest state of this run')
    parser.add_argument('--debug', action='store_true', help='validate and save every 8 iterations, as debug_NAME')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument('--force_yml', nargs='+', action='extend', default=[], metavar='KEY:SUBKEY=VALUE',
                        help='override options, for example train:total_iter=1000')
    if is_train:
        parser.add_argument('--check', action='store_true', help='go through everything once, tell costs and doubts, '
                                                                 'leave nothing behind')
        parser.add_argument('--reset_schedule', action='store_true',
                            help="resume with the option file's learning rates and schedule, not the state's")
        parser.add_argument('--replay', metavar='FILE', help='go through a batch that was not finite once more and say '
                                                             'where: experiments/NAME/nonfinite/ITER.pth')
    else:
        parser.add_argument('--json', type=Path, metavar='FILE', help='write the metrics, those of each picture too')
    args = parser.parse_args(argv)
    return Arguments(args.opt, args.launcher, args.auto_resume, args.debug, args.force_yml, is_train and args.check,
                     is_train and args.reset_schedule, args.replay if is_train else None,
                     None if is_train else args.json)


def failure_line(error: Exception) -> str:
    """An error's message; of one from a data worker, the message without the worker's traceback."""
    if isinstance(error, OSError) and error.strerror:
        place = f'{error.filename}: {error.strerror}' if error.filename is not None else error.strerror
        if error.errno not in UNWRITABLE:
            return place
        if error.filename is None:
            place = f'{place}, while writing below {Path.cwd()}'
        return f'{place}; what was written before is whole; make room and the folder writable, or work in another one'
    text = str(error)
    if 'DataLoader worker process' in text:
        text = text.strip().splitlines()[-1].partition(': ')[2]
    return text
