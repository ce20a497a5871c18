"""Whether a new measurement agrees with a page of tools/benchmark_table.py."""

import re

#: How far outside the page's range of rounds a new median may lie, by the nearer end.
MARGIN = 0.1
#: What the allocator holds does not depend on time, but torch's releases differ.
MEMORY = 0.02
RANGE = re.compile(r'([\d.]+) \(([\d.]+) to ([\d.]+)\)')
Row = list[str]


def read_rows(page: str) -> dict[tuple[str, str, str], Row]:
    """Find the rows with a variant: table, what is compared, and variant, to cells."""
    found: dict[tuple[str, str, str], Row] = {}
    heading = title = ''
    for line in page.splitlines():
        heading = line if line.startswith('## ') else heading
        cells = line[2:-2].split(' | ') if line.startswith('| ') else []
        if len(cells) == 8 and cells[1] != 'variant':
            title = cells[0].strip() or title
            found[heading, title, cells[1]] = cells
    return found


def disagreements(page: str, measured: str) -> list[str]:
    """Say where new tables' medians leave the page's ranges, or memory is another."""
    shown, new = read_rows(page), read_rows(measured)
    again = {heading for heading, _, _ in new}
    expected = {key for key in shown if key[0] in again}
    found = [f'{", ".join(key)}: not in the page' for key in new.keys() - shown.keys()]
    found += [f'{", ".join(key)}: not measured' for key in expected - new.keys()]
    for key in expected & new.keys():
        for step, column in (('forward', 3), ('training', 6)):
            what = ', '.join((*key[1:], step))
            found += _time(what, shown[key][column], new[key][column])
            found += _memory(what, shown[key][column + 1], new[key][column + 1])
    return sorted(found)


def _time(what: str, shown: str, new: str) -> list[str]:
    allowed, found = RANGE.fullmatch(shown), RANGE.fullmatch(new)
    if not (allowed and found):  # ours by ours
        return [] if shown == new else [f'{what}: ratio {new}, the page has {shown}']
    least, greatest = (1 - MARGIN) * float(allowed[2]), (1 + MARGIN) * float(allowed[3])
    if least <= float(found[1]) <= greatest:
        return []
    return [f'{what}: ratio {new}, the page has {shown}']


def _memory(what: str, shown: str, new: str) -> list[str]:
    if '-' in (shown, new):
        same = shown == new
    else:
        same = abs(float(shown) - float(new)) <= max(MEMORY * float(shown), 0.1)
    return [] if same else [f'{what}: {new} MiB, the page has {shown}']
