"""SRModel, SRGANModel and ESRGANModel: effsr's two models under the names that BasicSR's option files use."""
from basicsr.utils.registry import MODEL_REGISTRY

from effsr.bridge import claim, register_as
from effsr.models import realesrgan_model, realesrnet_model  # noqa: F401  register what is named here
from effsr.options.model_names import ALIASES

claim(MODEL_REGISTRY, *ALIASES)
for name, alias in ALIASES.items():
    register_as(MODEL_REGISTRY, name, MODEL_REGISTRY.get(alias.model))
