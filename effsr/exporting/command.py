"""What effsr/export.py does: write into a folder of its own, compare, and put in place what passes."""
import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path

import torch

import effsr
from effsr.curation.parallel import tell
from effsr.exporting.int8 import read_crops
from effsr.exporting.parity import LIMITS, Limits, Parity, compare, judge
from effsr.exporting.pictures import gate_pairs, gate_pictures
from effsr.exporting.quantisation import Calibration
from effsr.exporting.writers import WRITERS, Order
from effsr.inference.backends import bounded_halo, open_exported
from effsr.inference.backends.facts import facts_of
from effsr.inference.engine import Engine, EngineSettings, open_engine
from effsr.inference.weights import LoadedModel, load_model
from effsr.runtime.checkpoint import file_digest
from effsr.runtime.measured import Measured, check_target, command_line, write_measured

# The first is the file to open; the second, where there is one, lies beside it under the same name.
SUFFIXES = {'onnx': ('.onnx',), 'torchscript': ('.torchscript',), 'openvino': ('.xml', '.bin'),
            'ncnn': ('.param', '.bin'), 'safetensors': ('.safetensors',), 'executorch': ('.pte',)}
FP32_CPU = EngineSettings(precision='fp32', device='cpu')


def run(args: argparse.Namespace) -> int:
    """Export; return the exit status: 1 where the export differs too much, and then nothing is left.

    Raises:
        ValueError: What was asked for cannot be done; nothing is written then.
    """
    targets = target_files(args.model, args.format, args.precision, args.output, args.overwrite)
    check_target(args.json, '--json')
    if args.threads:
        torch.set_num_threads(args.threads)
    sys.path.append(str(Path.cwd()))
    for name in args.modules:
        _import(name)
    model = load_model(args.model)
    order = make_order(args, model)
    pictures, pairs = gate_pictures(args.images, model.multiple), gate_pairs(args.pairs, model.scale)
    print(f'weights  {args.model} ({model.key}): {model.arch} x{model.scale}' + (f'\nnote     {model.note}'
                                                                               if model.note else ''), flush=True)
    try:
        targets[0].parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f'.{targets[0].stem}-', dir=targets[0].parent) as folder:
            made = WRITERS[args.format](order, Path(folder), targets[0].stem)
            sizes = sum(path.stat().st_size for path in made)
            parity = compare(open_engine(model, FP32_CPU), open_written(made[0], args.threads), pictures, pairs)
            lines = describe(parity)
            print('\n'.join(lines), flush=True)
            refused = judge(parity, limits_of(args))
            if refused:
                tell(f'export: {targets[0]}: {refused}; no file was written; raise the tolerance, or take another '
                     '--precision or --method')
                return 1
            put(made, targets)
    except OSError as error:
        raise ValueError(f'{targets[0]}: cannot be written ({error.strerror or error}); choose another -o') from error
    print(f'written  {", ".join(map(str, targets))} ({sizes / 1e6:.2f} MB)')
    if args.json is not None:
        settings = {key: value for key, value in vars(args).items() if key != 'command'}
        write_measured(args.json, Measured('export', command_line('effsr/export.py', args.command), settings,
                                           {**asdict(parity), 'bytes': sizes}, lines))
    return 0


def target_files(weights: Path, kind: str, precision: str, output: Path | None, overwrite: bool) -> tuple[Path, ...]:
    """Where an export goes, the file to open first.

    Raises:
        ValueError: Another suffix than the format's, the weights themselves, or something is there already.
    """
    suffixes = SUFFIXES[kind]
    if output is None:
        output = weights.with_name(f'{weights.stem}{"" if precision == "fp32" else f"_{precision}"}{suffixes[0]}')
    if output.suffix != suffixes[0]:
        raise ValueError(f'-o {output}: a file of {kind} ends in {suffixes[0]}; accepted: such as '
                         f'{output.stem or "network"}{suffixes[0]}')
    targets = tuple(output.with_suffix(suffix) for suffix in suffixes)
    for target in targets:
        if target.exists() and weights.exists() and target.samefile(weights):
            raise ValueError(f'-o {target}: is the file of weights itself; choose another -o')
        if target.is_dir() or (target.exists() and not overwrite):
            raise ValueError(f'{target}: exists; ' + ('it is a folder; choose another -o' if target.is_dir()
                                                      else 'pass --overwrite to replace it, or choose another -o'))
    return targets


def make_order(args: argparse.Namespace, model: LoadedModel) -> Order:
    """What is to be written, from the flags.

    Raises:
        ValueError: int8 without pictures to calibrate on, or pictures without int8.
    """
    facts = replace(facts_of(model, bounded_halo(model)), precision=args.precision, effsr=effsr.__version__,
                    sha256=file_digest(args.model))
    if args.precision != 'int8':
        if args.calibrate is not None:
            raise ValueError(f'--calibrate {args.calibrate}: is for --precision int8; leave it out, or add that')
        return Order(model, facts, opset=args.opset)
    if args.calibrate is None:
        raise ValueError('--precision int8: no pictures to calibrate on; add --calibrate DIR, a folder of pictures '
                         'like those that will be upscaled')
    if len(args.keep) > 1 and {'auto', 'none'} & set(args.keep):
        raise ValueError(f'--keep {" ".join(args.keep)}; accepted: auto, none, first, last, or first last')
    keep = None if args.keep == ['auto'] else tuple(end for end in args.keep if end != 'none')
    calibration = Calibration(args.method, args.percentile, keep)
    crops = read_crops(args.calibrate, model.multiple, args.crops)
    return Order(model, facts, tuple(crops), calibration, args.opset,
                 lambda line: print(f'int8     {line}', flush=True))


def limits_of(args: argparse.Namespace) -> Limits:
    """The limits of a precision, as the flags change them."""
    limits = LIMITS[args.precision]
    if args.tolerance is not None:
        limits = replace(limits, **{'mean' if args.precision == 'int8' else 'largest': args.tolerance})
    return limits if args.tolerance_psnr is None else replace(limits, drop=args.tolerance_psnr)


def open_written(path: Path, threads: int | None) -> Engine:
    """The engine of what a writer wrote: weights are run by PyTorch, all else by its own library."""
    settings = replace(FP32_CPU, precision='auto', threads=threads)
    if path.suffix == '.safetensors':
        return open_engine(load_model(path), replace(settings, precision='fp32'))
    return open_exported(path, settings)


def describe(parity: Parity) -> list[str]:
    """What was found, for the terminal."""
    lines = [f'parity   {parity.pictures} pictures: largest difference {parity.largest:.2e}, mean {parity.mean:.2e} '
             '(colours from 0 to 1)']
    if parity.psnr is not None:
        lines.append(f'PSNR     {parity.psnr[0]:.3f} -> {parity.psnr[1]:.3f} dB ({parity.change:+.3f}) on luma of '
                     f'{parity.pairs} pairs')
    height, width = parity.size
    lines.append(f'speed    {parity.speed.median:.2f} times PyTorch in fp32 ({parity.speed.low:.2f} to '
                 f'{parity.speed.high:.2f}; {width}x{height} pixels, {torch.get_num_threads()} threads)')
    return lines


def put(made: Sequence[Path], targets: Sequence[Path]) -> None:
    """Move files to their places so that the first, which is opened, never stands beside another export's second."""
    if len(made) > 1:
        targets[0].unlink(missing_ok=True)
    for path, target in reversed(list(zip(made, targets, strict=True))):
        os.replace(path, target)


def _import(name: str) -> None:
    try:
        import_module(name)
    except ImportError as error:
        raise ValueError(f'--import {name}: {error}; accepted: a module that Python finds from here') from error
