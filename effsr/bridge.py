"""All that BasicSR 1.4.2 needs to import and register on a current stack.

Call :func:`install` before the first ``import basicsr``; ``import effsr`` does. Each item names the upstream line it
answers. Nothing here changes what BasicSR computes.
"""
import sys
import types

import scipy.ndimage
from torchvision.transforms import functional

# Module that BasicSR imports -> (what it takes from it, where that function lives today, the upstream line).
MOVED = {
    # Gone since torchvision 0.17.
    'torchvision.transforms.functional_tensor': ('rgb_to_grayscale', functional),  # basicsr/data/degradations.py:8
    # Warns in SciPy 1, goes in SciPy 2.
    'scipy.ndimage.filters': ('convolve', scipy.ndimage),  # basicsr/metrics/niqe.py:5
}


def install() -> None:
    """Make ``import basicsr`` work here and in every process that imports effsr (spawned data workers too)."""
    for name, (attribute, home) in MOVED.items():
        module = sys.modules.get(name)
        if module is None:
            module = types.ModuleType(name, f'Alias of {home.__name__} for BasicSR 1.4.2.')
            sys.modules[name] = module
        # A real attribute also outruns the module-level __getattr__ by which SciPy issues its warning.
        vars(module).setdefault(attribute, getattr(home, attribute))


def claim(registry, *names: str) -> None:
    """Rename BasicSR's entries NAME to NAME_basicsr, so that effsr can register its own NAME.

    basicsr/utils/registry.py asserts that a name is new. BasicSR marks its twins of Real-ESRGAN's classes with the
    suffix ``basicsr`` already; the entries it registered without one (PairedImageDataset, calculate_psnr, ...) get it
    here. ``registry.get(NAME + '_basicsr')`` still reaches them.

    Args:
        registry: One of basicsr.utils.registry's registries.
        names: Names effsr is about to register.
    """
    entries = registry._obj_map
    for name in names:
        owner = getattr(entries.get(name), '__module__', '')
        if owner.startswith('basicsr.'):
            entries[f'{name}_basicsr'] = entries.pop(name)


def register_as(registry, name: str, entry) -> None:
    """Register an entry under a further name; BasicSR's decorator takes a class's own alone.

    Args:
        registry: One of basicsr.utils.registry's registries.
        name: One that the registry does not have yet, see :func:`claim`.
        entry: The class or function.
    """
    registry._do_register(name, entry)
