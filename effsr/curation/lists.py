"""Lists of the pictures to keep, as a dataset's meta_info reads them, and other reports on a folder."""
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from effsr.curation.output import Output, write_whole


def kept_lists(inputs: Sequence[Path], chosen: Sequence[tuple[str, Path]]) -> dict[str, dict[Path, str]]:
    """File names of the lists -> path of each picture -> its line, the path below the input.

    One folder gives kept.txt; several give kept_1.txt, kept_2.txt ... in their order, since a list belongs to one
    dataroot. Of pictures given by themselves it is their folder.

    Raises:
        ValueError: A name that a list cannot hold, with a line break or with blanks at its ends.
    """
    roots = list(dict.fromkeys(place if place.is_dir() else place.parent for place in inputs))
    lists: dict[str, dict[Path, str]] = {}
    for number, root in enumerate(roots, 1):
        lines = lists.setdefault('kept.txt' if len(roots) == 1 else f'kept_{number}.txt', {})
        for name, path in chosen:
            if path == root / name:
                if name != name.strip() or len(name.splitlines()) != 1:
                    raise ValueError(f'{path}: a list cannot hold {name!r}; rename it: no line breaks, no blanks at '
                                     'its ends')
                lines[path] = name
    return lists


def lists_of(lists: Mapping[str, Mapping[Path, str]], kept: Collection[Path]) -> dict[str, str]:
    """File names of the lists -> their text, with only those pictures that are kept."""
    return {file: ''.join(f'{line}\n' for path, line in lines.items() if path in kept)
            for file, lines in lists.items()}


def write_reports(output: Output, texts: Mapping[str, str]) -> None:
    """Write files that tell of all sources together, in place of those of an earlier run.

    Raises:
        ValueError: A file of the name is there that the command did not make.
        OutputError: The folder cannot be written.
    """
    output.refuse_others(list(texts))
    output.begin('reports', list(texts))
    for file, text in texts.items():
        write_whole(output.folder / file, text.encode())
    output.note('reports', output.folder, list(texts))
