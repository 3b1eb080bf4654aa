"""Our model with our loader, as effsr/train.py runs them."""
import logging
import sys
from types import ModuleType

import effsr
from effsr.benchmarks.case import EMA, PAIR_POOL, USM, Case, plain_options
from effsr.benchmarks.contender import Contender
from effsr.benchmarks.patching import seeded
from effsr.benchmarks.stages import Seam
from effsr.data.loaders import build_train_loader
from effsr.models import pairs
from effsr.options import as_options


def build_ours(case: Case) -> Contender:
    """Our model of a case with its loader, its pool full."""
    options = as_options(plain_options(case))
    logger = logging.getLogger('basicsr')
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with seeded(case.seed):
            model = effsr.build_model(options)
            loader, _ = build_train_loader(options, case.batch)
    finally:
        logger.setLevel(level)
    seams = [Seam(pairs, 'usm_sharpen', USM), Seam(model.pairs.pool, 'exchange', PAIR_POOL),
             *(Seam(module, 'update_ema', EMA) for module in _modules_with('update_ema'))]
    contender = Contender(model, loader, seams, seed=case.seed)
    while len(model.pairs.pool) < case.pool:
        contender.feed(contender.load())
    return contender


def _modules_with(name: str) -> list[ModuleType]:
    """Modules of effsr.models that look a function up under this name."""
    modules = [module for path, module in list(sys.modules.items()) if path.startswith('effsr.models.')]
    return [module for module in modules if name in vars(module)]
