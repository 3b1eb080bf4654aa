"""The command line of effsr/export.py."""
import argparse
from pathlib import Path

from effsr.curation.arguments import number
from effsr.exporting.int8 import CROPS
from effsr.exporting.parity import LIMITS
from effsr.exporting.quantisation import METHODS
from effsr.exporting.writers import WRITERS
from effsr.inference.backends.onnx_graph import DEFAULT_OPSET, OPSETS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add all flags."""
    what = parser.add_argument_group('what is written')
    what.add_argument('-m', '--model', required=True, type=Path, metavar='WEIGHTS', help='a file of weights')
    what.add_argument('--format', required=True, choices=tuple(WRITERS))
    what.add_argument('-o', '--output', type=Path, metavar='FILE',
                      help='default: beside the weights, named as they are, with the precision if it is not fp32')
    what.add_argument('--precision', default='fp32', choices=tuple(LIMITS), help='fp32 (default), fp16 or int8')
    what.add_argument('--opset', type=number(int, least=OPSETS[0], most=OPSETS[1]), default=DEFAULT_OPSET, metavar='N',
                      help=f"of ONNX's operators, {OPSETS[0]} to {OPSETS[1]} ({DEFAULT_OPSET})")
    what.add_argument('--overwrite', action='store_true', help='replace what is there')
    what.add_argument('--import', dest='modules', action='append', default=[], metavar='MODULE',
                      help="import a module first: one that registers the weights' own architecture")
    low = parser.add_argument_group('int8')
    low.add_argument('--calibrate', type=Path, metavar='DIR',
                     help='pictures like those that will be upscaled, to find the ranges of all values on')
    low.add_argument('--method', default='percentile', choices=METHODS, help='how a range is chosen (percentile)')
    low.add_argument('--percentile', type=float, default=99.999, metavar='P',
                     help='how many of 100 values lie within the range (99.999)')
    low.add_argument('--keep', nargs='+', default=['auto'], choices=('first', 'last', 'none', 'auto'),
                     help='convolutions that stay in float32; auto (default): those of the two that measuring favours')
    low.add_argument('--crops', type=number(int, least=1), default=CROPS, metavar='N',
                     help=f'of 64x64 pixels, spread over the pictures ({CROPS})')
    gate = parser.add_argument_group('comparison with PyTorch, which every export must pass')
    gate.add_argument('--images', type=Path, metavar='DIR',
                      help='real pictures to compare on (default: photographs that come with scikit-image)')
    gate.add_argument('--pairs', metavar='HR[:LR]', help='folders with ground truth: PSNR before and after')
    gate.add_argument('--tolerance', type=number(float, least=0), metavar='X',
                      help='largest difference accepted, of colours from 0 to 1; for int8 the mean difference '
                           f'(fp32 {LIMITS["fp32"].largest}, fp16 {LIMITS["fp16"].largest}, int8 '
                           f'{LIMITS["int8"].mean})')
    gate.add_argument('--tolerance_psnr', type=number(float, least=0), metavar='DB',
                      help='PSNR that may be lost on --pairs '
                           f'({", ".join(f"{name} {limits.drop}" for name, limits in LIMITS.items())})')
    gate.add_argument('--threads', type=number(int, least=1), metavar='N', help='of the CPU, for both (all)')
    gate.add_argument('--json', type=Path, metavar='FILE', help='write what was found')
