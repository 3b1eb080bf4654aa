"""Make half-size, or 1/s, copies of a folder of pictures for training; move the originals away if asked.

    python effsr/downscale.py -i IN -o OUT [-s 2] [--method bicubic|area|lanczos] [--move DIR]

Exit status 0 if every copy is in place, and every original moved where that was asked.
"""
import argparse

if __name__ == '__main__' and not __package__:  # a spawned process has sys.path already
    import _script
    _script.end_quietly('downscale')

import effsr  # noqa: F401  installs the bridge
from effsr.curation import downscale
from effsr.curation.command import run_command


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='downscale.py', description=downscale.__doc__.splitlines()[0])
    downscale.add_arguments(parser)
    return run_command('downscale', downscale.run, parser.parse_args(argv))


if __name__ == '__main__':
    raise SystemExit(main())
