"""Network architectures. Every ``*_arch.py`` of this folder is imported here and registers itself with BasicSR."""
from pathlib import Path

from effsr.discovery import import_modules

import_modules(Path(__file__).parent, __name__, '_arch')
