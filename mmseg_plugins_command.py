"""The command ``mmseg-plugins``, also ``python -m mmseg_plugins``: run a tool by name.

It is not in the package and imports the standard library only: the tool check-env has
to work where ``import mmseg_plugins`` fails.
"""

import difflib
import sys
import types
from pathlib import Path

#: In a checkout, the entries of this folder are links; a wheel has copies.
MIM = Path(__file__).parent / 'mmseg_plugins' / '.mim'
HELP = """\
usage: mmseg-plugins TOOL [argument ...]

{tools}

'mmseg-plugins TOOL --help' explains a tool. Its CONFIG is your file, or the name of a
config of this package, such as fcn/fcn-8s_vgg13-slim_1xb8-400_scenes-192x256.py; they
are in {configs}"""


def find_tools() -> dict[str, Path]:
    """Return the tools by name: files with a main block; other files only help them."""
    return {
        path.stem.replace('_', '-'): path
        for path in sorted((MIM / 'tools').rglob('*.py'))
        if "if __name__ == '__main__':" in path.read_text('utf-8')
    }


def list_tools(tools: dict[str, Path]) -> str:
    """Return a line for each tool: its name and the first line of its docstring."""
    sentences = (path.read_text('utf-8').split('"""')[1] for path in tools.values())
    pairs = zip(tools, sentences, strict=True)
    return '\n'.join(f'  {name:15} {text.splitlines()[0]}' for name, text in pairs)


def resolve_config(argument: str) -> str:
    """Return the path of a config if ``argument`` names one of ours, else itself."""
    name = argument.removeprefix('mmseg_plugins::').removeprefix('configs/')
    path = MIM / 'configs' / name
    ours = path.suffix == '.py' and path.is_file() and not Path(argument).exists()
    return str(path) if ours else argument


def run(script: Path) -> None:
    """Run a file as Python runs a script; ``runpy`` would change ``sys.argv[0]``."""
    sys.path.insert(0, str(script.parent))
    sys.modules['__main__'] = module = types.ModuleType('__main__')
    module.__file__ = str(script)
    exec(compile(script.read_bytes(), script, 'exec'), vars(module))


def main() -> None:
    """Run the tool that the first argument names, with the other arguments.

    Raises:
        SystemExit: If there is no such tool, or when the tool ends.
    """
    tools = find_tools()
    word, *arguments = sys.argv[1:] or ['--help']
    name = word.replace('_', '-')
    if not tools:
        sys.exit(
            f'{MIM / "tools"} is not a folder: reinstall mmseg-plugins, or in a '
            'checkout: git config core.symlinks true && git checkout mmseg_plugins/.mim'
        )
    if name in ('-h', '--help'):
        print(HELP.format(tools=list_tools(tools), configs=MIM / 'configs'))
    elif name in tools:
        # argparse shows the last part of argv[0] as the name of the program.
        sys.argv = [f'mmseg-plugins {name}', *map(resolve_config, arguments)]
        run(tools[name])
    else:
        nearest = difflib.get_close_matches(name, tools)
        hint = f'did you mean {" or ".join(nearest)}? ' if nearest else ''
        sys.exit(f"no tool {word!r}: {hint}'mmseg-plugins --help' lists the tools")
