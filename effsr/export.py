"""Write trained weights for other libraries, and show that they give the same pictures there.

    python effsr/export.py -m WEIGHTS --format onnx|torchscript|openvino|ncnn|safetensors|executorch [--precision int8]

Each export is run on real pictures beside PyTorch. Exit status 0 if it agrees; else 1, and no file is left.
"""
import argparse
import sys

if __name__ == '__main__' and not __package__:
    import _script
    _script.end_quietly('export')

import effsr  # noqa: F401  installs the bridge
from effsr.curation.command import run_command
from effsr.exporting.arguments import add_arguments
from effsr.exporting.command import run


def main(argv: list[str] | None = None) -> int:
    summary, _, rest = __doc__.partition('\n')
    parser = argparse.ArgumentParser(prog='export.py', description=summary, epilog=rest.strip().split('\n\n')[-1])
    add_arguments(parser)
    args = parser.parse_args(argv)
    args.command = sys.argv[1:] if argv is None else argv
    return run_command('export', run, args)


if __name__ == '__main__':
    raise SystemExit(main())
