"""Names of BasicSR's models that are effsr's two models with other defaults: the one table of what differs by name."""
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Alias(NamedTuple):
    """A further name of a model.

    Attributes:
        model: The name that its class has.
        meaning: What it is for, in a few words.
        defaults: Top-level options that are otherwise by default under this name.
        relativistic: Default of `relativistic` in train: gan_opt, where the loss there has such an argument.
    """

    model: str
    meaning: str
    defaults: Mapping[str, Any]
    relativistic: str | None = None


# BasicSR's models of these names train on pairs that the dataset gives, and compare with gt as it is.
PAIRS = MappingProxyType({'high_order_degradation': False, 'gt_usm': False, 'l1_gt_usm': False, 'percep_gt_usm': False,
                          'gan_gt_usm': False})
ALIASES = {
    'SRModel': Alias('RealESRNetModel', 'by default for pairs that a dataset gives', PAIRS),
    'SRGANModel': Alias('RealESRGANModel', 'by default for pairs that a dataset gives', PAIRS),
    'ESRGANModel': Alias('RealESRGANModel', 'by default for pairs that a dataset gives, with a relativistic '
                                            'adversarial loss (average)', PAIRS, 'average'),
}


def defaults_of(model_type: Any) -> Mapping[str, Any]:
    """Top-level options that are otherwise by default under a model's name."""
    alias = ALIASES.get(model_type) if isinstance(model_type, str) else None
    return alias.defaults if alias is not None else {}
