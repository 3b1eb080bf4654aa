"""Which lq belongs to which gt: by name, or by a list; whatever they are stored in."""
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from effsr.data.image_check import refuse
from effsr.data.image_source import open_listed, read_list
from effsr.data.storages.container import without_suffix
from effsr.data.storages.opening import open_storage
from effsr.data.storages.storage import Storage
from effsr.options import OptionError

logger = logging.getLogger('basicsr')


class Matched(NamedTuple):
    """The lq and gt of one pair of roots: picture n of the one belongs to picture n of the other."""

    lq: Storage
    gt: Storage


class Rules(NamedTuple):
    """How pictures are opened and matched; the options of :class:`effsr.data.paired_dataset.PairedDatasetOptions`."""

    kind: str
    alpha: str
    filename_tmpl: str
    on_error: str


def match_by_name(gt_root: str, lq_root: str, rules: Rules) -> Matched:
    """Match by the path below the root without suffix, gt's put into filename_tmpl.

    A gt without partner is an error, or left out and counted (on_error: skip); an lq without one is told.

    Raises:
        ValueError: As said; two pictures of one name that differ in their suffix alone; or a root cannot be opened.
    """
    gt, lq = (open_storage(root, rules.kind, None, rules.alpha) for root in (gt_root, lq_root))
    partners = by_stem(lq)
    wanted = {name: templated(stem, rules.filename_tmpl) for stem, name in by_stem(gt).items()}
    lonely = [f'{gt.root / name}: no {stem} in {lq_root}; add it, or set filename_tmpl'
              for name, stem in wanted.items() if stem not in partners]
    refuse(lonely, len(wanted), rules.on_error)
    unused = len(partners) - sum(stem in partners for stem in wanted.values())
    if unused:
        known = set(wanted.values())
        first = next(lq.root / name for stem, name in partners.items() if stem not in known)
        logger.warning('%s: %d of %d pictures have no gt in %s and are not used, such as %s', lq_root, unused,
                       len(partners), gt_root, first)
    pairs = [(partners[stem], name) for name, stem in wanted.items() if stem in partners]
    return opened(lq_root, gt_root, pairs, rules)


def match_by_rows(gt_root: str, lq_root: str, meta_info: str, rules: Rules) -> Matched:
    """Match by the lines "GT, LQ" of a list.

    Raises:
        ValueError: The list cannot be read or has other lines, or a root cannot be opened.
    """
    rows = [line.split(', ') for line in read_list(meta_info)]
    if any(len(row) != 2 for row in rows):
        raise OptionError(f'{meta_info}: meta_info of pairs has lines "GT, LQ", relative to dataroot_gt and '
                          'dataroot_lq')
    return opened(lq_root, gt_root, [(lq.strip(), gt.strip()) for gt, lq in rows], rules)


def match_by_list(gt_root: str, lq_root: str, meta_info_file: str, rules: Rules) -> Matched:
    """Match by BasicSR's list, `name.png (480,480,3)`: gt's name; lq's follows from filename_tmpl.

    Raises:
        ValueError: The list or a root cannot be read.
    """
    gt = open_listed(Path(gt_root), read_list(meta_info_file), rules.kind, rules.alpha)
    pairs = []
    for name in gt.names:
        pairs.append((f'{templated(without_suffix(name), rules.filename_tmpl)}{PurePosixPath(name).suffix}', name))
    return opened(lq_root, gt_root, pairs, rules)


def opened(lq_root: str, gt_root: str, pairs: Sequence[tuple[str, str]], rules: Rules) -> Matched:
    """Open two roots with the names of pairs (lq, gt)."""
    lq_names, gt_names = (list(names) for names in zip(*pairs, strict=True))
    return Matched(open_storage(lq_root, rules.kind, lq_names, rules.alpha),
                   open_storage(gt_root, rules.kind, gt_names, rules.alpha))


def by_stem(storage: Storage) -> Mapping[str, str]:
    """Names by their path without suffix, which must tell them apart.

    Raises:
        OptionError: Each pair of names, the first few, that it does not.
    """
    found: dict[str, str] = {}
    twice = []
    for name in storage.names:
        stem = without_suffix(name)
        if stem in found:
            twice.append(f'{storage.root / name}: {PurePosixPath(found[stem]).name} has the same name without '
                         'extension; keep one of them')
        found[stem] = name
    refuse(twice, len(storage), 'fail')
    return found


def templated(stem: str, template: str) -> str:
    """The path of an lq without suffix, from gt's."""
    path = PurePosixPath(stem)
    return path.with_name(template.format(path.name)).as_posix()
