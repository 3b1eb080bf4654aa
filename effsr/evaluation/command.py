"""What effsr/evaluate.py does: plan, carry out, tell."""
import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict
from math import isqrt
from pathlib import Path
from typing import Any

import torch

from effsr.benchmarks.costs import CostRow, quick_costs
from effsr.curation.parallel import tell
from effsr.evaluation.arguments import check_outputs
from effsr.evaluation.gathering import gather
from effsr.evaluation.kept import check_kept
from effsr.evaluation.plan import Plan, make_plan
from effsr.evaluation.presentation import as_csv, as_markdown_text, as_terminal, tables_of
from effsr.evaluation.results import Evaluation, to_json
from effsr.evaluation.running import Found, carry_out
from effsr.inference.backends import is_exported
from effsr.inference.weights import load_model
from effsr.reports.page import write_report
from effsr.runtime.environment import environment, machine, versions
from effsr.runtime.measured import Measured, command_line, now, write_measured, write_text

PROGRAM = 'effsr/evaluate.py'


def run(args: argparse.Namespace) -> int:
    """Evaluate; return the exit status: 1 where a model has no result for some picture, or not one figure was found.

    Raises:
        ValueError: What was asked for cannot be done; nothing is printed or written then.
    """
    check_outputs(args)
    plan = make_plan(args)
    check_kept({'json': args.json, 'markdown': args.markdown, 'csv': args.csv}, plan, args.degrade)
    found = carry_out(plan)
    device = torch.device(plan.way.device)
    head = (f'Command: {command_line(PROGRAM, args.command)}',
            f'{now()} · effsr {versions()["effsr"]} · {environment(device)}')
    settings = {key: value for key, value in vars(args).items() if key != 'command'}
    evaluation = gather(plan, found, head, _plain(settings), {**versions(), **machine(device)})
    print(as_terminal(evaluation), end='')
    print(f'pictures -> {(plan.way.work / "SET/MODEL/PICTURE.png").as_posix()}', flush=True)
    costs = _costs(plan) if args.report is not None else {}
    _write(args, evaluation, costs, device)
    if args.report is not None:
        _write_report(args.report, evaluation, costs, plan)
    return _status(plan, found, evaluation)


def _costs(plan: Plan) -> dict[str, CostRow]:
    """What each network that is compared costs, by name."""
    models = {entrant.name: load_model(entrant.path) for entrant in plan.entrants
              if entrant.contestant.kind == 'weights' and not is_exported(entrant.path)}
    if not models:
        return {}
    tell('evaluate: measuring the cost of each network')
    return quick_costs(models, device=torch.device(plan.way.device))


def _write(args: argparse.Namespace, evaluation: Evaluation, costs: Mapping[str, CostRow],
           device: torch.device) -> None:
    if args.json is not None:
        tables, notes = tables_of(evaluation)
        write_measured(args.json, Measured('evaluate', command_line(PROGRAM, args.command), evaluation.settings,
                                           to_json(evaluation) | {'costs': {name: asdict(row) for name, row
                                                                            in costs.items()}},
                                           evaluation.head, tables, notes), device)
    for path, text in ((args.markdown, as_markdown_text), (args.csv, as_csv)):
        if path is not None:
            write_text(path, text(evaluation))


def _write_report(folder: Path, evaluation: Evaluation, costs: Mapping[str, CostRow], plan: Plan) -> None:
    print(f'report -> {write_report(evaluation, costs, folder, measured=_measured(costs, plan))}')


def _measured(costs: Mapping[str, CostRow], plan: Plan) -> str:
    """What costs were measured with, without which a latency says nothing; '' without costs."""
    if not costs:
        return ''
    row = next(iter(costs.values()))
    side = isqrt(row.pixels // plan.way.scale**2)
    where = 'the GPU' if plan.way.device == 'cuda' else f'the CPU with {torch.get_num_threads()} of its threads'
    return (f'Costs are for one picture of {side} x {side} pixels, float32, on {where}: the median of {len(row.times)} '
            'rounds in which all take turns, with the quickest and the slowest. benchmark.py models measures other '
            'sizes and ways.')


def _status(plan: Plan, found: Found, evaluation: Evaluation) -> int:
    if found.failed:
        # Weights that are of no use fail alike on every picture: told once.
        for line in dict.fromkeys(f'{name}, {contestant}: {reason}' for (name, contestant, _), reason
                                  in found.failed.items()):
            print(f'evaluate: {line}', file=sys.stderr)
        total = len(found.failed) + len(found.scored)
        print(f'evaluate: {len(found.failed):,} of {total:,} results are missing, named above; their sets have no '
              'figure of that model', file=sys.stderr)
        return 1
    figures = [value for contestants in evaluation.whole.values() for row in contestants.values()
               for value in row.values()]
    # A look at pictures without ground truth may do without figures.
    if all(value is None for value in figures) and any(pictures.folders.hr for pictures in plan.sets):
        print('evaluate: not one figure could be computed; the reasons are named above', file=sys.stderr)
        return 1
    return 0


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Flags as values that JSON has."""
    return {key: value.as_posix() if isinstance(value, Path) else value for key, value in settings.items()}
