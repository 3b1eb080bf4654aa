"""Run the commands that made docs/results.md again, and put what they print in the place of what they printed.

    python docs/renew_results.py [NAME ...] [--list]

A block of that file looks like this; around the blocks anything may be written:

    <!-- measured NAME: python effsr/benchmark.py models -->
    ... the command, the date, what the command wrote to --markdown ...
    <!-- end NAME -->

Commands run from the project's root, with --markdown FILE added. $NAME in one is taken from the environment. A block
whose command fails is left as it was. Exit status 0 if every block asked for was renewed.
"""
import argparse
import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'docs' / 'results.md'
BLOCK = re.compile(r'^<!-- measured (?P<name>[\w-]+): (?P<command>.+?) -->\n(?P<body>.*?)'
                   r'^<!-- end (?P<end>[\w-]+) -->$', re.MULTILINE | re.DOTALL)
MARK = re.compile(r'^<!-- (?:measured|end) ', re.MULTILINE)


class Block(NamedTuple):
    """One measurement in the file: its name, the command that made it, and what stands between the marks."""

    name: str
    command: str
    body: str


def find_blocks(text: str) -> dict[str, Block]:
    """The blocks of a file by name, in order.

    Raises:
        ValueError: Marks that do not make pairs, or a name used twice.
    """
    blocks: dict[str, Block] = {}
    for match in BLOCK.finditer(text):
        name = match['name']
        if match['end'] != name or MARK.search(match['body']):
            raise ValueError(f'block {name}: ended by "end {match["end"]}"; each needs its own <!-- end {name} -->')
        if name in blocks:
            raise ValueError(f'block {name}: there are two; give each a name of its own')
        blocks[name] = Block(name, match['command'], match['body'])
    marks = len(MARK.findall(text))
    if marks != 2 * len(blocks):
        raise ValueError(f'{marks} marks make {len(blocks)} blocks; each block is <!-- measured NAME: COMMAND --> ... '
                         '<!-- end NAME -->, each mark a line')
    return blocks


def put(text: str, name: str, body: str) -> str:
    """The file's text with another body for one block.

    Raises:
        ValueError: No such block.
    """
    block = find_blocks(text).get(name)
    if block is None:
        raise ValueError(f'block {name}: gone from the file')
    mark = f'<!-- measured {name}: {block.command} -->\n'
    before, _, rest = text.partition(mark)
    return before + mark + body + rest[len(block.body):]


def body_of(command: str, date: str, printed: str) -> str:
    """What stands between the marks."""
    return f'\n    {command}\n\n{date}\n\n{printed.strip()}\n\n'


def words_of(command: str) -> list[str]:
    """A command as words, with this Python and with $NAME from the environment.

    Raises:
        ValueError: It does not begin with python, or a variable is not set.
    """
    words = shlex.split(command)
    if words[:1] != ['python'] or len(words) < 2:
        raise ValueError(f'{command}: accepted: python FILE ...')
    expanded = [os.path.expandvars(word) for word in words[1:]]
    for word in expanded:
        unset = re.search(r'\$\{?(\w+)', word)
        if unset:
            raise ValueError(f'{command}: {unset[1]} is not set; give it in the environment')
    return [sys.executable, *expanded]


def run(command: str) -> str:
    """What a command writes to --markdown.

    Raises:
        ValueError: It fails, or writes nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'printed.md'
        status = subprocess.run([*words_of(command), '--markdown', str(file)], cwd=ROOT, check=False).returncode
        if status:
            raise ValueError(f'{command}: exit status {status}')
        printed = file.read_text(encoding='utf-8') if file.exists() else ''
    if not printed.strip():
        raise ValueError(f'{command}: wrote nothing to --markdown')
    if MARK.search(printed):
        raise ValueError(f'{command}: what it wrote holds marks of a block')
    return printed.replace(f' --markdown {file}', '')  # where a command tells how it was called


def renew(path: Path, names: list[str]) -> list[str]:
    """Renew blocks one after the other, each written as soon as it is there; what went wrong, a line each.

    Raises:
        ValueError: An unknown name, or marks that do not fit.
        OSError: The file cannot be read or written.
    """
    blocks = find_blocks(path.read_text(encoding='utf-8'))
    for name in names:
        if name not in blocks:
            near = difflib.get_close_matches(name, blocks, 1, 0.3)
            hint = f'; nearest: {near[0]}' if near else ''
            raise ValueError(f'{name}: no such block in {path}; accepted: {", ".join(blocks)}{hint}')
    failures = []
    for name in names or blocks:
        command = blocks[name].command
        print(f'[{name}] {command}', file=sys.stderr, flush=True)
        try:
            printed = run(command)
        except (ValueError, OSError) as error:
            failures.append(f'[{name}] left as it was: {error}')
            continue
        date = datetime.now(timezone.utc).strftime('%Y-%m-%d')
        # Read again: someone may have written around the blocks meanwhile.
        text = put(path.read_text(encoding='utf-8'), name, body_of(command, date, printed))
        temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
        try:
            temporary.write_text(text, encoding='utf-8', newline='\n')
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    return failures


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='renew_results.py', description=__doc__.splitlines()[0])
    parser.add_argument('names', nargs='*', metavar='NAME', help='blocks to renew (all)')
    parser.add_argument('--file', type=Path, default=RESULTS, help='the file (docs/results.md)')
    parser.add_argument('--list', action='store_true', help='print names and commands, run nothing')
    args = parser.parse_args(argv)
    try:
        if args.list:
            for block in find_blocks(args.file.read_text(encoding='utf-8')).values():
                print(f'{block.name}: {block.command}')
            return 0
        failures = renew(args.file, args.names)
    except (ValueError, OSError) as error:
        print(f'renew_results: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('renew_results: stopped; blocks done so far are renewed, the others as they were', file=sys.stderr)
        return 130
    for failure in failures:
        print(f'renew_results: {failure}', file=sys.stderr)
    return 1 if failures else 0


if __name__ == '__main__':
    raise SystemExit(main())
