"""Folders of a run: made afresh, earlier ones kept under another name."""
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from effsr.runtime.atomic import atomic_file

logger = logging.getLogger('basicsr')


def archive(folder: Path) -> None:
    """Rename an existing folder to FOLDER_archived_TIME, so that nothing of an earlier run is lost."""
    if folder.exists():
        first = target = folder.with_name(f'{folder.name}_archived_{time.strftime("%Y%m%d_%H%M%S")}')
        number = 1
        while target.exists():
            number += 1
            target = first.with_name(f'{first.name}_{number}')
        os.rename(folder, target)
        logger.info('%s was there from an earlier run; it is now %s', folder, target.name)


def make_folders(path: Any, rank: int) -> None:
    """Make the folders of a run.

    Args:
        path: The path section of the options: experiments_root or results_root, and the folders below.
        rank: Only process 0 makes them.
    """
    if rank != 0:
        return
    root = Path(path.experiments_root or path.results_root)
    archive(root)
    root.mkdir(parents=True)
    for folder in (path.models, path.training_states, path.visualization):
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)


def copy_options(options: Mapping[str, Any], root: str, rank: int) -> None:
    """Write the resolved options, with everything inherited or overridden, to ROOT/options.yml."""
    if rank == 0:
        text = yaml.safe_dump(dict(options), sort_keys=False, default_flow_style=None, width=120)
        with atomic_file(Path(root) / 'options.yml') as file:
            file.write(text.encode())
