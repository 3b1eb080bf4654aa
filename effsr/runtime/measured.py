"""The document that a command which measures writes under --json FILE: what it printed, with versions and settings.

    {"format": "effsr.measured/1", "what": "benchmark models", "command": "python effsr/benchmark.py models ...",
     "date": "2026-11-20T19:30:00Z", "versions": {...}, "machine": {...}, "settings": {...},
     "head": [lines], "tables": [{"title", "head", "rows"}], "notes": [lines], "values": {...}}

`head`, `tables` and `notes` are what the terminal showed, cell by cell; `values` holds the raw figures.
"""
import json
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from effsr.runtime.atomic import atomic_file
from effsr.runtime.environment import machine, versions
from effsr.runtime.sidecar import plain_values
from effsr.runtime.tables import Table

FORMAT = 'effsr.measured/1'
CPU = torch.device('cpu')


@dataclass(frozen=True)
class Measured:
    """What a command measured and printed.

    Attributes:
        what: The command's short name, 'benchmark models', 'evaluate', 'test'.
        command: The command line, of :func:`command_line`.
        settings: The flags or options in force, by name.
        values: Raw figures, of any plain shape.
        head: Lines printed above the tables.
        tables: As printed.
        notes: Lines printed below them.
    """

    what: str
    command: str
    settings: Mapping[str, Any]
    values: Mapping[str, Any]
    head: Sequence[str] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = field(default=())


def command_line(program: str, argv: Sequence[str] | None = None) -> str:
    """The command as it can be typed again: 'python effsr/benchmark.py models --size 64'.

    Args:
        program: The entry file from the project's root, 'effsr/benchmark.py'.
        argv: Its arguments; None takes sys.argv's.
    """
    return shlex.join(['python', program, *(sys.argv[1:] if argv is None else argv)])


def now() -> str:
    """The moment in UTC, to the second: 2026-11-20T19:30:00Z."""
    return datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def document(measured: Measured, device: torch.device = CPU) -> dict[str, Any]:
    """A measurement with date, versions and machine, as plain values; NaN and infinity, which JSON lacks, are None."""
    return plain_values({
        'format': FORMAT, 'what': measured.what, 'command': measured.command, 'date': now(), 'versions': versions(),
        'machine': machine(device), 'settings': dict(measured.settings), 'head': list(measured.head),
        'tables': [table._asdict() for table in measured.tables], 'notes': list(measured.notes),
        'values': dict(measured.values)})


def write_measured(path: str | Path, measured: Measured, device: torch.device = CPU) -> None:
    """Write :func:`document` to a file, whole or not at all.

    Raises:
        CheckpointError: It cannot be written.
        TypeError: Something among the values or settings has no JSON form.
    """
    text = json.dumps(document(measured, device), indent=1, allow_nan=False, ensure_ascii=False) + '\n'
    write_text(path, text)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all.

    Raises:
        CheckpointError: It cannot be written.
    """
    with atomic_file(path) as file:
        file.write(text.encode())


def check_target(path: str | Path | None, flag: str) -> None:
    """Refuse a file that cannot be written, before anything long starts; None passes.

    Raises:
        ValueError: One line: the flag, its value, what to do.
    """
    if path is None:
        return
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise ValueError(f'{flag} {path}: there is no folder {folder}; make it first')
    if Path(path).is_dir():
        raise ValueError(f'{flag} {path}: is a folder; give a file')
    try:
        # Asking for permissions tells nothing of read-only mounts, nor anything to root.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f'{flag} {path}: {folder} cannot be written to ({error.strerror}); make it writable, or '
                         'write elsewhere') from error
    if Path(path).is_file() and not _may_be_replaced(Path(path), flag == '--json'):
        raise ValueError(f'{flag} {path}: exists and is not what this command writes; give another file, or remove it')


def _may_be_replaced(path: Path, as_json: bool) -> bool:
    """Whether a file may be an earlier output: a document of this kind, or text that is no JSON; never weights."""
    try:
        text = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError):
        return False
    if not as_json:
        return path.suffix.lower() != '.json' and '\0' not in text
    try:
        found = json.loads(text) if text.strip() else {'format': FORMAT}
    except ValueError:
        return False
    return isinstance(found, dict) and str(found.get('format', '')).startswith('effsr.')


def check_distinct(**targets: Path | None) -> None:
    """Refuse two flags that name one file, of which the second would take the first's place.

    Raises:
        ValueError: One line: both flags, the file.
    """
    seen: dict[Path, str] = {}
    for flag, path in targets.items():
        if path is None:
            continue
        other = seen.setdefault(Path(path).absolute(), flag)
        if other != flag:
            raise ValueError(f'--{other} and --{flag} both name {path}; give each a file of its own')
