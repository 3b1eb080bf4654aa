"""What the commands share that make files of each picture by itself: begin, go on, note, tell, commit."""
import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from effsr.curation.arguments import plural, refuse_shared_targets, summary
from effsr.curation.output import Output
from effsr.curation.parallel import Failure, each, tell

Source = tuple[str, Path]  # name, as of effsr.curation.arguments.sources, and path


class Made(NamedTuple):
    """What became of a source.

    Attributes:
        files: Paths below the folder, '/' between parts; written, and whole.
        left_out: Why some were not written -> how many: 'flat' -> 3.
    """

    files: list[str]
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class Task:
    """What a command does with each picture.

    Attributes:
        label: The command, for example 'prepare subimages'.
        what: A result is called, in the singular.
        do: Source -> Made; raises ValueError for a picture that cannot be used. It is sent to processes.
        folders: Where to write -> the settings that the files there depend on. Each gets files of the same names; the
            first is -o.
        targets: Name of a source -> the files that may be made of it.
    """

    label: str
    what: str
    do: Callable[[Source], Made]
    folders: Mapping[Path, Mapping[str, Any]]
    targets: Mapping[str, Sequence[str]]


@dataclass
class Filled:
    """How it went.

    Attributes:
        status: The command's exit status.
        done: Names of the sources whose files are in place.
    """

    status: int
    done: list[str] = field(default_factory=list)


class Begun:
    """Sources, each noted as begun in the folders' journals when its turn comes."""

    def __init__(self, outputs: Sequence[Output], left: Sequence[Source], targets: Mapping[str, Sequence[str]]):
        self._outputs = outputs
        self._left = left
        self._targets = targets

    def __len__(self) -> int:
        return len(self._left)

    def __iter__(self) -> Iterator[Source]:
        for name, path in self._left:
            for output in self._outputs:
                output.begin(name, self._targets[name])
            yield name, path


def fill(args: argparse.Namespace, task: Task, chosen: Sequence[Source]) -> Filled:
    """Do a task on those of the sources that are not done, and tell what came of all of them.

    Args:
        args: The flags of :func:`effsr.curation.arguments.add_common`.
        task: What to do.
        chosen: All sources.

    Raises:
        ValueError: Two sources would give one file; a file is there that the command did not make; a folder that
            cannot be gone on with.
    """
    began = time.monotonic()
    refuse_shared_targets(task.targets)
    with ExitStack() as stack:
        outputs = [stack.enter_context(Output(folder, task.label, settings, dry_run=args.dry_run))
                   for folder, settings in task.folders.items()]
        left = _left(outputs, chosen, task)
        if args.dry_run:
            most = sum(len(task.targets[name]) for name, _ in left)
            print(f'dry run: {plural(len(left), "picture")} of {len(chosen):,} to do, the others are done -> up to '
                  f'{plural(most, task.what)} more in {outputs[0].folder}; nothing was written')
            return Filled(0)
        failed = _work(outputs, left, task, args.jobs)
        _tell_gone(outputs[0], chosen, args)
        done = [name for name, _ in chosen if name in outputs[0].done]
        line = _summary(outputs[0], task, done, failed, time.monotonic() - began)
        print(line)
        if failed and (args.on_error == 'fail' or not done):
            skip = ', or give --on_error skip' if done else ''
            print(f'{task.label}: {plural(failed, "picture")} of {len(chosen):,} cannot be used, named above; mend or '
                  f'remove {"it" if failed == 1 else "them"}{skip}, then run the same command again to finish',
                  file=sys.stderr)
            return Filled(1, done)
        for output in outputs:
            output.commit()
    return Filled(0, done)


def _left(outputs: Sequence[Output], chosen: Sequence[Source], task: Task) -> list[Source]:
    missing = {name for output in outputs for name, _ in output.pending(chosen)}
    left = [source for source in chosen if source[0] in missing]
    files = [file for name, _ in left for file in task.targets[name]]
    for output in outputs:
        output.refuse_others(files)
    return left


def _work(outputs: Sequence[Output], left: Sequence[Source], task: Task, jobs: int) -> int:
    """Return how many sources cannot be used; each is told."""
    failed = 0
    for (name, path), made in each(task.do, Begun(outputs, left, task.targets), jobs, task.label):
        if isinstance(made, Failure):
            tell(made.reason)
            failed += 1
            continue
        for output in outputs:
            output.note(name, path, made.files, dict(made.left_out))
    return failed


def _tell_gone(output: Output, chosen: Sequence[Source], args: argparse.Namespace) -> None:
    gone = output.gone(chosen)
    if gone and not getattr(args, 'move', None):
        tell(f'note: {output.folder} keeps what was made of {plural(len(gone), "picture")} no longer among those '
             f'given, such as {gone[0]}')


def _summary(output: Output, task: Task, done: Sequence[str], failed: int, seconds: float) -> str:
    reasons = sum((Counter(output.done[name]) for name in done), Counter())
    notes = {f'{{}} skipped: {reason}': count for reason, count in sorted(reasons.items())}
    notes['{} cannot be used'] = failed
    made = sum(len(output.files_of(name)) for name in done)
    return summary(len(done), made, task.what, output.folder, notes, seconds)
