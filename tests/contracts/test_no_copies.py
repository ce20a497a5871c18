"""No six lines stand in two places, unless a reason is given.

Blank lines, comments, imports and lone punctuation are passed over, and white space
does not count. Lines alike but for names and numbers are not looked for.
"""

import ast
from collections import defaultdict
from itertools import combinations
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ('mmseg_plugins', 'configs', 'tools', 'tests')
SHORTEST = 6
Line = tuple[int, str]

#: Why the longest run of two files, and of how many lines it is, stands twice.
ALLOWED = {
    'configs: two networks trained alike on the same data': {
        (
            'configs/dfanet/dfanet_xception-a_1xb4-400_camvid-360x480.py',
            'configs/dfanet/fast-scnn_baseline_1xb4-400_camvid-360x480.py',
            6,
        ),
        (
            'configs/encnet/encnet_r50-d8_1xb16-20k_camvid-360x480.py',
            'configs/spnet/spnet_r50-d8_1xb16-20k_camvid-360x480.py',
            7,
        ),
        (
            'configs/encnet/encnet_r50s-d8_4xb4-180e_ade20k-480x480.py',
            'configs/spnet/spnet_r50s-d8_4xb4-120e_ade20k-480x480.py',
            6,
        ),
        (
            'configs/fcn/fcn-8s_vgg16_4xb4-160k_ade20k-512x512.py',
            'configs/spnet/spnet_r50-d8_4xb4-160k_ade20k-512x512.py',
            6,
        ),
    },
    'a signature: the last arguments of a network are those of its parts': {
        (
            'mmseg_plugins/backbones/dfanet.py',
            'mmseg_plugins/backbones/sub_network.py',
            6,
        )
    },
    'commands: each file of one form has a main of its own': {
        ('tools/inspect_encnet.py', 'tools/inspect_spnet.py', 6)
    },
}


def significant_lines(text: str) -> list[Line]:
    """Number and text of the lines that count."""
    imports: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports |= set(range(node.lineno, node.end_lineno + 1))
    lines = [
        (number, ' '.join(line.split()))
        for number, line in enumerate(text.splitlines(), 1)
        if number not in imports
    ]
    return [
        (number, line)
        for number, line in lines
        if not line.startswith('#') and any(map(str.isalnum, line))
    ]


def runs(files: dict[str, list[Line]]) -> dict[tuple[str, str], list[int]]:
    """The longest run of equal lines of each two files: its length and its places."""
    places = defaultdict(list)
    for name, lines in files.items():
        for start in range(len(lines) - SHORTEST + 1):
            window = tuple(line for _, line in lines[start : start + SHORTEST])
            places[window].append((name, start))
    longest: dict[tuple[str, str], list[int]] = {}
    for same in places.values():
        for (one, start), (other, place) in combinations(same, 2):
            if one == other and place - start < SHORTEST:
                continue
            length = common_length(files[one], start, files[other], place)
            if length > longest.get((one, other), [0])[0]:
                numbers = files[one][start][0], files[other][place][0]
                longest[one, other] = [length, *numbers]
    return longest


def common_length(one: list[Line], start: int, other: list[Line], place: int) -> int:
    pairs = zip(one[start:], other[place:], strict=False)
    length = 0
    for (_, line), (_, same) in pairs:
        if line != same:
            break
        length += 1
    return length if one is not other else min(length, place - start)


def read_all() -> dict[str, list[Line]]:
    paths = [p for folder in FOLDERS for p in sorted((ROOT / folder).rglob('*.py'))]
    names = {path.relative_to(ROOT).as_posix(): path for path in paths}
    return {
        name: significant_lines(path.read_text())
        for name, path in names.items()
        if '/.' not in name  # what a build leaves in the package
    }


def test_no_lines_stand_twice_without_a_reason():
    found = {(*pair, run[0]): run[1:] for pair, run in runs(read_all()).items()}
    allowed = {entry for entries in ALLOWED.values() for entry in entries}
    assert {entry: found[entry] for entry in found.keys() - allowed} == {}
    assert allowed - found.keys() == set()  # entries that are no longer true


COPY = """
first = 1
second = dict(a=1, b=2)
third = [
    first,
]
import os
fourth = 'four'  # a comment of its own line is passed over
fifth = 5
"""


def test_control_a_planted_copy_is_found():
    planted = f'"""Another file."""\n\nzero = 0{COPY}# why\nsixth = 6\nlast = 0\n'
    original = f'{COPY}\n\nsixth   =  6\nanother = 7\n'
    files = {'a': significant_lines(original), 'b': significant_lines(planted)}
    assert runs(files) == {('a', 'b'): [7, 2, 4]}
    twice = {'a': significant_lines(original + original)}
    assert runs(twice) == {('a', 'a'): [8, 2, 15]}
    shorter = significant_lines(planted.replace('third', 'x'))
    assert runs({'a': files['a'], 'b': shorter}) == {}
