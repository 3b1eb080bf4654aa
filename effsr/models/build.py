"""Building a model from options, in a pipeline or in a user's own loop."""
from collections.abc import Mapping
from typing import Any

from basicsr.models.base_model import BaseModel
from basicsr.utils.registry import MODEL_REGISTRY

from effsr.options import OptionError, Options, as_options, to_plain


def build_model(opt: Options | Mapping[str, Any]) -> BaseModel:
    """Build the model that `model_type` (or `type`) names.

    Args:
        opt: Options, or a plain dict of an option file's shape. Missing sections get their defaults: is_train is
            true, num_gpu is all GPUs there are, dist is false. It is not changed.

    Raises:
        ValueError: Options that are wrong, no such model, or weights that are missing or do not fit.
    """
    options = as_options(opt)
    if options.model_type not in MODEL_REGISTRY:
        raise OptionError(f'model_type: no model is called {options.model_type}; known: '
                          f'{", ".join(sorted(MODEL_REGISTRY.keys()))}')
    return MODEL_REGISTRY.get(options.model_type)(to_plain(options))
