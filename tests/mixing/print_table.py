"""Print the tables of docs/mixing.md: python -m tests.mixing.print_table."""

import warnings

import mmseg_plugins  # noqa: F401  registers our classes

# isort: split
from mmengine.registry import init_default_scope

from tests.mixing.mixtures import (
    MISTAKES,
    Mixture,
    costs,
    levels_of,
    missing_package,
    try_out,
)
from tests.mixing.parts_to_mix import TABLES


def describe(mixture: Mixture, errors: list[str]) -> str:
    if package := missing_package(mixture.backbone):
        return f'needs {package}'
    if error := try_out(mixture):
        if error not in errors:
            errors.append(error)
        return f'error {errors.index(error) + 1}'
    parameters, multiply_adds = costs(mixture, (512, 512))
    return f'{parameters / 1e6:.1f} M, {multiply_adds / 1e9:.1f} G'


def main() -> None:
    init_default_scope('mmseg')
    warnings.simplefilter('ignore')
    errors: list[str] = []
    for backbones, heads in TABLES:
        print(f'| backbone | channels / stride of its levels | {" | ".join(heads)} |')
        print('|---' * (2 + len(heads)) + '|')
        for backbone in backbones:
            missing = missing_package(backbone)
            levels = [] if missing else levels_of(backbone, slim=False)
            shown = ', '.join(f'{level[1]} / {level[2]}' for level in levels)
            cells = [describe(Mixture(backbone, head), errors) for head in heads]
            print(f'| {" | ".join([backbone, shown, *cells])} |', flush=True)
        print()
    for number, error in enumerate(errors, 1):
        print(f'{number}. {error}')
    print('\n| head, on | with | the error |\n|---|---|---|')
    for mixture in MISTAKES:
        changes = ', '.join(f'{key}={value}' for key, value in mixture.changes.items())
        print(f'| {mixture} | `{changes}` | {try_out(mixture)} |')


if __name__ == '__main__':
    main()
