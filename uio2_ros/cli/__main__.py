"""`python -m uio2_ros.cli COMMAND`: runs a command in an environment that is already set up."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from uio2_ros.cli.commands import COMMANDS


def main(argv: Sequence[str]) -> int:
    runnable = {name: command for name, command in COMMANDS.items() if command.module}
    if not argv or argv[0] not in runnable:
        print(f"usage: python -m uio2_ros.cli {{{','.join(runnable)}}} ...", file=sys.stderr)
        return 2
    module = importlib.import_module(runnable[argv[0]].module)
    code: int = module.main(list(argv[1:]))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
