"""Losses that compare pictures. Every ``*_loss.py`` of this folder is imported here and registers itself with BasicSR.

Where BasicSR has a loss of the same name (CharbonnierLoss), its own is then NAME_basicsr.
"""
from pathlib import Path

from effsr.discovery import import_modules

import_modules(Path(__file__).parent, __name__, '_loss')
