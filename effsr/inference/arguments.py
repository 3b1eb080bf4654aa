"""The command line of effsr/upscale.py."""
import argparse
from pathlib import Path

from effsr.data.image_header import MAX_PIXELS
from effsr.inference.engine import BACKENDS, DEVICES, PRECISIONS
from effsr.inference.plan import ALPHA_WAYS
from effsr.inference.settings import CODECS, EXTENSIONS

EPILOG = """examples:
  upscale.py -i photo.jpg                      results/photo_out.jpg, with the newest quickstart weights
  upscale.py -i photos --recursive -m net.pth  a folder and those below it
  upscale.py -i 'scans/*.tif' -s 3.5 --bits 16 a pattern, any factor, 16 bits a channel
  upscale.py -i clip.mp4 -o big.mkv            a video, into a file of a given name
"""


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Parse the flags; None takes sys.argv."""
    parser = argparse.ArgumentParser(prog='upscale.py', description='Upscale pictures, animations and videos with '
                                     'trained weights.', epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-i', '--input', required=True, nargs='+', metavar='IN',
                        help='pictures, videos, folders (not their subfolders) or patterns')
    parser.add_argument('-o', '--output', default=Path('results'), type=Path,
                        help='output folder (results), or of a single input the file')
    _add_network(parser.add_argument_group('network'))
    _add_result(parser.add_argument_group('result'))
    _add_writing(parser.add_argument_group('writing'))
    _add_running(parser.add_argument_group('running'))
    return parser.parse_args(argv)


def _add_network(group: argparse._ArgumentGroup) -> None:
    group.add_argument('-m', '--model', type=Path, help='weights (.pth, .safetensors) or a file of effsr/export.py; '
                                                        'default: the newest quickstart weights')
    group.add_argument('--blend', nargs=2, metavar=('OTHER', 'A'),
                       help='(1 - A) times -m plus A times OTHER, two trainings of one network')
    group.add_argument('--import', dest='modules', action='append', default=[], metavar='MODULE',
                       help="import a module first: one that registers the weights' own architecture")


def _add_result(group: argparse._ArgumentGroup) -> None:
    group.add_argument('-s', '--scale', type=float, metavar='S',
                       help="any factor above 0; default: the network's, whose result is resized for others")
    group.add_argument('--ext', default='auto', choices=EXTENSIONS,
                       help="output format; auto (default): the input's, but png for alpha and 16 bits")
    group.add_argument('--quality', type=int, default=95, metavar='Q', help='of jpg and webp, 1 to 100 (95)')
    group.add_argument('--lossless', action='store_true', help='webp without loss')
    group.add_argument('--bits', type=int, choices=(8, 16), help="a channel; default: the input's")
    group.add_argument('--alpha', default='network', choices=ALPHA_WAYS,
                       help='how transparency is enlarged (network)')
    group.add_argument('--codec', default='auto', choices=CODECS, help='of videos; auto: h264, in webm vp9')
    group.add_argument('--crf', type=int, metavar='N', help='quality of videos as the codec counts it, less is better')
    group.add_argument('--compare', action='store_true',
                       help='of still pictures, write NAME_compare too: enlarged bicubically, beside the result')


def _add_writing(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--suffix', default='out', help='results are named NAME_SUFFIX (out)')
    group.add_argument('--recursive', action='store_true', help='subfolders too; results lie in subfolders alike')
    group.add_argument('--overwrite', action='store_true', help='replace existing outputs')
    group.add_argument('--resume', action='store_true',
                       help='pass over inputs whose result is there, whole and made with the same settings')
    group.add_argument('--max_pixels', type=int, default=MAX_PIXELS, metavar='N',
                       help=f'refuse larger inputs before they are decoded ({MAX_PIXELS})')


def _add_running(group: argparse._ArgumentGroup) -> None:
    group.add_argument('-t', '--tile', default=0, type=int, metavar='N',
                       help='tile side in input pixels; 0 (default): what free memory allows')
    group.add_argument('--tile_pad', type=int, metavar='N',
                       help='halo around each tile; default: what the network looks at, so that no seam shows')
    group.add_argument('--batch', default=0, type=int, metavar='N', help='tiles at once; 0 (default) chooses')
    group.add_argument('--memory', type=float, metavar='GB', help='to use at most; default: a part of what is free')
    group.add_argument('--device', default='auto', choices=DEVICES)
    group.add_argument('--backend', default='torch', choices=BACKENDS, help='library that runs the network (torch)')
    group.add_argument('--precision', default='auto', choices=PRECISIONS,
                       help='auto (default): what is fast on the device and close to fp32')
    group.add_argument('--channels_last', action=argparse.BooleanOptionalAction, help='memory format of PyTorch')
    group.add_argument('--compile', action='store_true', help='prepare the network by torch.compile')
    group.add_argument('--threads', type=int, metavar='N', help='of the CPU')
