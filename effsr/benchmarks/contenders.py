"""Who is compared in the training benchmark, by name."""
from effsr.benchmarks.basicsr_step import build_basicsr
from effsr.benchmarks.case import Case
from effsr.benchmarks.contender import Contender
from effsr.benchmarks.effsr_step import build_ours

BASICSR, GROUPED, OURS = NAMES = ('BasicSR', 'USM grouped', 'effsr')


def build(case: Case, name: str) -> Contender:
    """Build one of NAMES, its pool full."""
    return build_ours(case) if name == OURS else build_basicsr(case, grouped=name == GROUPED)
