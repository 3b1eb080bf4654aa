"""Building a model from options, in a pipeline or in a user's own loop."""
from collections.abc import Mapping
from typing import Any

from basicsr.models.base_model import BaseModel
from basicsr.utils.registry import MODEL_REGISTRY

from effsr.models.components import build_network
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
    cls = MODEL_REGISTRY.get(options.model_type)
    if not cls.__module__.startswith('basicsr.'):
        return cls(to_plain(options))
    # BasicSR's own models fail in ways that do not name the option; networks built here first do.
    for key in ('network_g', 'network_d'):
        if getattr(options, key) is not None:
            build_network(getattr(options, key), key)
    try:
        return cls(to_plain(options))
    except Exception as error:
        reason = next(iter(str(error).splitlines()), '')
        raise OptionError(f'model_type: {options.model_type}: {type(error).__name__}: {reason}; check what this model '
                          'of BasicSR needs') from error
