"""What may be wrong with a set of pictures, or with two sets that should be pairs: pure functions of what was seen."""
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from effsr.curation.examine import Seen
from effsr.data.pair_matching import templated
from effsr.data.storages.container import without_suffix

ERROR, WARNING = 'error', 'warning'


class Finding(NamedTuple):
    """One kind of trouble.

    Attributes:
        level: ERROR or WARNING.
        kind: What it is, and what to do.
        cases: A line for each.
    """

    level: str
    kind: str
    cases: list[str]


class Rules(NamedTuple):
    """How pairs belong together.

    Attributes:
        scale: gt is so many times as large as lq.
        template: Name of lq without suffix, {} standing for gt's.
        cuts: Whether what the scale leaves over is cut from gt, as in validation.
    """

    scale: int
    template: str = '{}'
    cuts: bool = False


def about_set(place: str, names: Sequence[str], seen: Mapping[str, Seen], broken: Mapping[str, str],
              smallest: int, paired: bool) -> list[Finding]:
    """Findings on one set.

    Args:
        place: Its root, for the lines.
        names: Of all pictures.
        seen: Name -> what was seen of those that decode.
        broken: Name -> why it does not.
        smallest: Least height and width in pixels; 0: any.
        paired: Whether the set is one half of pairs, which are found by their names.
    """
    small = [f'{place}/{name}: {_by(one.size)}' for name, one in seen.items() if min(one.size) < smallest]
    stems, pixels = defaultdict(list), defaultdict(list)
    for name in names:
        stems[without_suffix(name)].append(name)
    for name, one in seen.items():
        pixels[one.digest].append(name)
    clear = [f'{place}/{name}' for name, one in seen.items() if one.clear]
    return _those_with_cases([
        Finding(ERROR, 'cannot be read; mend, copy again or remove', list(broken.values())),
        Finding(ERROR, f'smaller than --gt_size {smallest}; remove, or lower gt_size', small),
        Finding(ERROR if paired else WARNING,
                'names that differ in their suffix alone; an LMDB and pairs refuse them, keep one of each',
                [f'{place}: {" = ".join(group)}' for group in stems.values() if len(group) > 1]),
        Finding(WARNING, 'the same pixels; keep one of each (prepare.py dedupe finds changed copies, too)',
                [f'{place}: {" = ".join(group)}' for group in pixels.values() if len(group) > 1]),
        Finding(WARNING, 'modes are mixed; all are read as RGB of 8 bits', _mixed(place, seen)),
        Finding(WARNING, 'with clear pixels; they are laid on white, or as alpha says', clear),
    ])


def about_pairs(gt: Mapping[str, Seen], lq: Mapping[str, Seen], gt_names: Sequence[str], lq_names: Sequence[str],
                rules: Rules) -> list[Finding]:
    """Findings on pairs, matched by the path below the root without suffix.

    Args:
        gt, lq: Name -> what was seen of those that decode.
        gt_names, lq_names: Of all pictures.
        rules: How they belong together.
    """
    partners = {without_suffix(name): name for name in lq_names}
    wanted = {name: templated(without_suffix(name), rules.template) for name in gt_names}
    matched = {name: partners.get(other) for name, other in wanted.items()}
    alone = [f'gt {name}: no lq {wanted[name]}' for name, other in matched.items() if other is None]
    unused = sorted(set(partners.values()) - set(matched.values()))
    # Pairs that can be compared; what does not decode has been told.
    pairs = [(name, gt[name], lq[other]) for name, other in matched.items() if name in gt and other in lq]
    sizes = [f'gt {name}: {_by(one.size)}, lq {_by(two.size)}; {_advice(one.size, two.size, rules.scale)}'
             for name, one, two in pairs if not _fits(one.size, two.size, rules)]
    modes = [f'gt {name}: {one.mode}, lq {two.mode}' for name, one, two in pairs if one.mode != two.mode]
    return _those_with_cases([
        Finding(ERROR, 'gt without lq; add it, or give --filename_tmpl', alone),
        Finding(WARNING, 'lq without gt; they are not used', [f'lq {name}' for name in unused]),
        Finding(ERROR, f'gt is not {rules.scale} times lq', sizes),
        Finding(WARNING, 'gt and lq of different modes', modes),
    ])


def size_range(seen: Mapping[str, Seen]) -> str:
    """'480x480 to 512x512', by area, width first."""
    sizes = sorted({one.size for one in seen.values()}, key=lambda size: (size[0] * size[1], size))
    return ' to '.join(dict.fromkeys(_by(size) for size in (sizes[0], sizes[-1]))) if sizes else 'no sizes'


def modes_of(seen: Mapping[str, Seen]) -> Counter[str]:
    """Mode -> how many pictures are of it."""
    return Counter(one.mode for one in seen.values())


def _mixed(place: str, seen: Mapping[str, Seen]) -> list[str]:
    """A line for each picture that is not of the most frequent mode."""
    counts = modes_of(seen)
    most = max(counts, key=lambda mode: (counts[mode], mode), default=None)
    return [f'{place}/{name}: {one.mode}' for name, one in seen.items() if one.mode != most]


def _fits(gt: tuple[int, int], lq: tuple[int, int], rules: Rules) -> bool:
    left_over = [g - q * rules.scale for g, q in zip(gt, lq, strict=True)]
    return all(0 <= side < (rules.scale if rules.cuts else 1) for side in left_over)


def _advice(gt: tuple[int, int], lq: tuple[int, int], scale: int) -> str:
    if _fits(gt, lq, Rules(scale, cuts=True)):
        return f'cut gt to a multiple of {scale} (prepare.py pairs --hr does), or check with --val'
    ratios = {g / q for g, q in zip(gt, lq, strict=True)}
    if len(ratios) == 1 and (ratio := ratios.pop()).is_integer():
        return f'that is x{ratio:.0f}'
    return 'make lq from gt again, or remove both'


def _by(size: tuple[int, int]) -> str:
    return f'{size[1]}x{size[0]}'


def _those_with_cases(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.cases]
