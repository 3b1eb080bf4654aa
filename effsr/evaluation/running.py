"""Carrying a plan out: pictures, results, values; what was done before is not done again."""
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from effsr.curation.errors import refuse
from effsr.curation.parallel import Failure, each
from effsr.evaluation.content import key_of, values_of
from effsr.evaluation.journal import Journal, Known, read_journal
from effsr.evaluation.plan import Plan
from effsr.evaluation.preparing import GREY, Prepared, Source, prepare
from effsr.evaluation.scoring import GREY_VALUE, Scored, Scoring, Task
from effsr.metrics.catalogue import open_metric
from effsr.metrics.scorer import MetricInfo, Unavailable
from effsr.runtime.lock import locked

HOLDER_IS = 'evaluating in this folder; wait for it, or give another --work'

Place = tuple[str, str, str]  # set, contestant, picture


class Found(NamedTuple):
    """What was computed.

    Attributes:
        prepared: (set, picture) -> what the models got.
        scored: (set, contestant, picture) -> result and values.
        failed: Likewise -> why there is no result.
        whole: (set, contestant, metric) -> the one figure of a set, of metrics that are such.
        reasons: Likewise -> why there is none.
    """

    prepared: dict[tuple[str, str], Prepared]
    scored: dict[Place, Scored]
    failed: dict[Place, str]
    whole: dict[tuple[str, str, str], float]
    reasons: dict[tuple[str, str, str], str]


def carry_out(plan: Plan) -> Found:
    """Make, score and note everything in the work folder.

    Raises:
        ValueError: Pictures that cannot be used, each named; a folder that cannot be written, or is in use.
    """
    work = plan.way.work
    with locked(work / 'evaluation', HOLDER_IS), Journal(work) as journal:
        known = read_journal(work)
        prepared = _prepared(plan, known, journal)
        found = _scored(plan, prepared, known, journal)
        for info in plan.metrics:
            if not info.per_image and info.name in plan.identities:
                _score_sets(plan, info, found, known, journal)
    return found


def _prepared(plan: Plan, known: Known, journal: Journal) -> dict[tuple[str, str], Prepared]:
    sources = [Source(pictures.name, entry) for pictures in plan.sets for entry in pictures.entries]
    do = partial(prepare, recipe=plan.recipe, work=plan.way.work, known=known.files)
    prepared, problems = {}, []
    for source, made in each(do, sources, plan.processes, 'pictures'):
        if isinstance(made, Failure):
            problems.append(f'-d {source.set_name}: {made.reason}')
            continue
        prepared[source.set_name, source.entry.name] = made
        journal.note({key: sha for key, sha in made.files.items() if known.files.get(key) != sha}, {})
    refuse(problems or [
        f'--grey {"/".join(place)}: is not grey; its three channels differ' for place, made in prepared.items()
        if plan.way.grey != (GREY_VALUE,) and plan.way.by_value(*place) and GREY not in made.traits])
    return prepared


def _scored(plan: Plan, prepared: Mapping[tuple[str, str], Prepared], known: Known, journal: Journal) -> Found:
    found = Found(dict(prepared), {}, {}, {}, {})
    tasks = []
    for pictures in plan.sets:
        for entry in pictures.entries:
            for entrant in plan.entrants:
                files = plan.given.get((pictures.name, entrant.name))
                if entrant.contestant.kind != 'pictures' or files is not None:
                    tasks.append(Task(pictures.name, entry.name, prepared[pictures.name, entry.name], entrant,
                                      files[entry.name] if files else None))
    scoring = Scoring(plan.way, known.files, known.scores)
    try:
        for task, scored in each(scoring, tasks, plan.processes, 'evaluate'):
            place = (task.set_name, task.entrant.name, task.picture)
            if isinstance(scored, Failure):
                found.failed[place] = scored.reason
            else:
                found.scored[place] = scored
                journal.note(scored.files, scored.scores)
    finally:
        scoring.close()
    return found


def _score_sets(plan: Plan, info: MetricInfo, found: Found, known: Known, journal: Journal) -> None:
    """One figure for each set and contestant, where all its pictures have results."""
    for pictures in plan.sets:
        names = [entry.name for entry in pictures.entries]
        for entrant in plan.entrants:
            place = (pictures.name, entrant.name, info.name)
            done = [found.scored.get((pictures.name, entrant.name, name)) for name in names]
            if None in done or (info.needs_gt and pictures.folders.hr is None):
                continue
            truths = [found.prepared[pictures.name, name] for name in names]
            key = key_of('set score', plan.identities[info.name], [one.sha for one in done],
                         [truth.gt_sha for truth in truths])
            try:
                if key not in known.scores:
                    with open_metric(info.name, plan.way.border, plan.way.settings) as scorer:
                        known.scores[key] = scorer.score_set((values_of(one.path) for one in done),
                                                             (values_of(truth.gt) for truth in truths))
                    journal.note({}, {key: known.scores[key]})
                found.whole[place] = known.scores[key]
            except (Unavailable, ValueError, RuntimeError, MemoryError) as error:
                found.reasons[place] = ' '.join(str(error).split()) or type(error).__name__
