"""Modules that an option file names under `import:`, so that their classes are registered."""
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from effsr.options.messages import Problem

REMEDY = 'name a module below the working directory or an installed one, without .py, as in my_package.my_arch'


def import_plugins(names: Any) -> list[Problem]:
    """Import the modules of `import:`, from the working directory too.

    Args:
        names: What the option file says, one name or a list; anything else is left to the schema.

    Returns:
        The modules that cannot be imported.
    """
    alone = isinstance(names, str)
    if alone:
        names = [names]
    if not isinstance(names, list | tuple):
        return []
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    problems = []
    for index, name in enumerate(names):
        if not isinstance(name, str):
            continue
        try:
            import_module(name)
        # A module of the user's may fail in any way, and a traceback alone does not name the option.
        except Exception as error:
            reason = next(iter(str(error).splitlines()), '')
            remedy = REMEDY if isinstance(error, ModuleNotFoundError) else 'mend it'
            location = ('import',) if alone else ('import', index)
            problems.append(Problem(location, f'{name}: {type(error).__name__}: {reason}; {remedy}'))
    return problems
