"""What PyYAML says of broken YAML, with the line on which to mend it and what to do."""
import re

import yaml

# A key with its value right behind the colon: YAML takes both together for text.
GLUED = re.compile(r'^\s*(- )?[A-Za-z_]\w*:[^\s/:]')
CONTEXTS_OF_THEIR_START = ('while scanning a simple key', 'while scanning a quoted scalar',
                           'while parsing a flow sequence', 'while parsing a flow mapping')


def syntax_problem(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str]:
    """The line (from 1) of a syntax error, and what is wrong with a remedy.

    Args:
        error: What PyYAML raised.
        text: The document.
    """
    problem = error.problem or error.context or 'not plain YAML'
    mark = error.problem_mark or error.context_mark
    if error.context in CONTEXTS_OF_THEIR_START and error.context_mark is not None:
        mark = error.context_mark  # a bracket that is not closed is noticed lines later
    line = mark.line + 1 if mark else 1
    lines = text.splitlines()
    glued = _glued_line(lines, line)
    if "'\\t'" in problem:
        remedy = 'use spaces, YAML allows no tab here'
    elif glued and any(part in problem for part in ("expected ':'", 'mapping values', 'block mapping start')):
        line, remedy = glued, 'put a blank after the colon'
    else:
        remedy = _remedy(error.context or '', problem)
    noticed = error.problem_mark.line + 1 if error.problem_mark and line != glued else line
    place = f' (noticed on line {noticed})' if noticed != line else ''
    return line, f'{_context(error.context)}{problem}{place}; {remedy}'


def _context(context: str | None) -> str:
    """Where PyYAML was, in fewer words; nothing where that helps nobody."""
    return '' if context is None or 'next token' in context else f'{context}, '


def _glued_line(lines: list[str], line: int) -> int | None:
    """The line, this one or the one before that says something, that lacks a blank after its colon."""
    for number in range(line, 0, -1):
        content = lines[number - 1] if number <= len(lines) else ''
        if GLUED.match(content):
            return number
        if number < line and content.strip() and not content.lstrip().startswith('#'):
            return None
    return None


def _remedy(context: str, problem: str) -> str:
    if 'flow' in context:
        bracket = ']' if 'sequence' in context else '}'
        return f'put a comma, or close the bracket that opens here with {bracket}'
    if 'quoted scalar' in context:
        return 'close the quote that opens here'
    if "expected ':'" in problem:
        return 'a line in a section is key: value, with a colon and a blank'
    if 'mapping values' in problem:
        return ('give all keys of a section the same indent, put text that holds a colon in quotes, or mend the line '
                'above')
    if 'block node' in context:
        return 'write a value here'
    if 'block' in context or 'block' in problem:
        return 'uneven indent: give all keys of a section the same indent, in spaces'
    if 'cannot start any token' in problem:
        return 'put the text in quotes'
    if 'alias' in problem:
        return 'write the value out, or name it before with &'
    return 'only plain YAML is read'
