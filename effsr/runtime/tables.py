"""Tables of words and numbers, as text for a terminal and as Markdown."""
from typing import NamedTuple


class Table(NamedTuple):
    """A title, one heading for each column, and rows of as many cells; the first column is words."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def _check(table: Table) -> None:
    for row in table.rows:
        if len(row) != len(table.head):
            raise ValueError(f'{table.title}: a row of {len(row)} cells under {len(table.head)} headings: {row}')


def as_text(table: Table) -> str:
    """Columns padded to their widest cell, all but the first to the right.

    Raises:
        ValueError: A row of more or fewer cells than headings.
    """
    _check(table)
    lines = (table.head, *table.rows)
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.head))]

    def padded(line: tuple[str, ...]) -> str:
        cells = [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:],
                                                                                     strict=True))]
        return '  '.join(cells).rstrip()

    rule = '-' * (sum(widths) + 2 * (len(widths) - 1))
    return '\n'.join([table.title, padded(table.head), rule, *map(padded, table.rows)])


def as_markdown(table: Table) -> str:
    """A Markdown table under its title in bold; bars in cells are escaped.

    Raises:
        ValueError: A row of more or fewer cells than headings.
    """
    _check(table)

    def joined(line: tuple[str, ...]) -> str:
        return f'| {" | ".join(cell.replace("|", chr(92) + "|") for cell in line)} |'

    rule = f'|---|{"---:|" * (len(table.head) - 1)}'
    return '\n'.join([f'**{table.title}**', '', joined(table.head), rule, *map(joined, table.rows)])
