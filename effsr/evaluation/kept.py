"""What an evaluation reads is never written to."""
from collections.abc import Iterator, Mapping
from pathlib import Path

from effsr.curation.errors import refuse
from effsr.evaluation.plan import Plan
from effsr.runtime.sidecar import sidecar_path


def check_kept(outputs: Mapping[str, Path | None], plan: Plan, also: Path | None = None) -> None:
    """Refuse outputs that would take the place of weights, their JSON files, or pictures.

    Args:
        outputs: Flag -> file, or None.
        plan: What is read.
        also: One more file that is read.

    Raises:
        ValueError: One line for each: the flag, the file.
    """
    read = {path.resolve() for path in (*_read(plan), *filter(None, [also]))}
    refuse([f'--{flag} {path}: is read by this evaluation and would be replaced; give another file'
            for flag, path in outputs.items() if path is not None and path.resolve() in read])


def _read(plan: Plan) -> Iterator[Path]:
    for entrant in plan.entrants:
        if entrant.contestant.kind == 'weights':
            yield from (entrant.path, sidecar_path(entrant.path))
    for pictures in plan.sets:
        for entry in pictures.entries:
            yield from filter(None, (entry.gt, entry.lq))
    for files in plan.given.values():
        yield from files.values()
    yield from map(Path, plan.way.settings.weights.values())
