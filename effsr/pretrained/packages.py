"""Packages that not everybody needs."""
import importlib
from types import ModuleType


def import_package(module: str, package: str, what: str) -> ModuleType:
    """Import such a package.

    Args:
        module: Name of what is imported.
        package: What pip calls it.
        what: What needs it, for the message.

    Raises:
        ValueError: It is not installed, or lacks a package that it needs itself.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        reason = 'is not installed' if error.name == module.partition('.')[0] else f'cannot be imported ({error})'
        raise ValueError(f'{what} needs the package {package}, which {reason}; pip install {package}') from error
