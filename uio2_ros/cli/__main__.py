"""`python -m uio2_ros.cli COMMAND`: runs a command in an environment that is already set up."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from uio2_ros.cli.commands import BUILT_IN, COMMANDS, run_module


def main(argv: Sequence[str]) -> int:
    runnable = [name for name in COMMANDS if name != BUILT_IN]
    if not argv or argv[0] not in runnable:
        print(f"usage: python -m uio2_ros.cli {{{','.join(runnable)}}} ...", file=sys.stderr)
        return 2
    return run_module(argv[0], argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
