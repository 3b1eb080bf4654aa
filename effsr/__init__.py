"""effsr: efficient image super-resolution on BasicSR's registries.

Importing it installs the bridge to BasicSR and registers effsr's architectures, datasets, losses, metrics and models.
"""
from effsr import bridge

__version__ = '0.1.0'

bridge.install()

from effsr import archs, data, losses, metrics, models  # noqa: E402, F401  BasicSR imports only once the bridge stands
from effsr.models.build import build_model  # noqa: E402

__all__ = ['__version__', 'build_model']
