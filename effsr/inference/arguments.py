"""The command line of effsr/upscale.py."""
import argparse
from pathlib import Path

from effsr.inference.upscaling import EXTENSIONS


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Parse the flags; None takes sys.argv."""
    parser = argparse.ArgumentParser(prog='upscale.py', description='Upscale pictures with trained weights.')
    parser.add_argument('-i', '--input', required=True, type=Path, help='a picture, or a folder (not its subfolders)')
    parser.add_argument('-o', '--output', default=Path('results'), type=Path, help='output folder (results)')
    parser.add_argument('-m', '--model', type=Path, help='a .pth file; default: the newest quickstart weights')
    parser.add_argument('-t', '--tile', default=0, type=int, metavar='N',
                        help='tile side in input pixels; 0 (default): whole, but tiles of 512 above 1 megapixel')
    parser.add_argument('--tile_pad', default=32, type=int, metavar='N', help='halo around each tile (32)')
    parser.add_argument('--suffix', default='out', help='results are named NAME_SUFFIX (out)')
    parser.add_argument('--ext', default='auto', choices=EXTENSIONS,
                        help="output format; auto (default): the input's, but png for alpha and 16 bits")
    parser.add_argument('--device', default='auto', choices=('auto', 'cpu', 'cuda'))
    parser.add_argument('--import', dest='modules', action='append', default=[], metavar='MODULE',
                        help="import a module first: one that registers the weights' own architecture")
    parser.add_argument('--overwrite', action='store_true', help='replace existing outputs')
    return parser.parse_args(argv)
