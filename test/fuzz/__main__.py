"""`./uio2 bench fuzz`: fuzzes one target after the other, each for so many minutes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fuzz.engine import run
from fuzz.targets import TARGETS
from fuzz.watched import watched

S_PER_MIN = 60


def main() -> int:
    names = [target.name for target in TARGETS]
    parser = argparse.ArgumentParser(prog="./uio2 bench fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(names)}")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("fuzz-failures"))
    parser.add_argument(
        "--live-server",
        type=int,
        metavar="FRAMES",
        help="instead, of a server that runs: does it grow?",
    )
    parser.add_argument("--json", type=Path, help="file for the numbers of --live-server")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    unknown = sorted(set(asked.targets) - set(names))
    if unknown:
        parser.error(f"no target is called {', '.join(unknown)}; there are {', '.join(names)}")
    if asked.live_server is not None:
        from fuzz.live_server import fuzz_live_server

        return fuzz_live_server(asked.live_server, asked.seed, asked.json)
    asked.out.mkdir(parents=True, exist_ok=True)
    chosen = [name for name in names if not asked.targets or name in asked.targets]
    if asked.here:
        return _fuzz(chosen[0], asked)
    # each in a process of its own, so that one that is killed ends no other
    return int(any([_in_process(name, asked) for name in chosen]))


def _in_process(name: str, asked: argparse.Namespace) -> int:
    options = ["--minutes", str(asked.minutes), "--seed", str(asked.seed), "--out", str(asked.out)]
    last = asked.out / f"{name}.last"
    code = watched([sys.executable, "-m", "fuzz", name, "--here", *options], last)
    if code < 0:
        print(f"{name}: ended by signal {-code}; the input is {last}", flush=True)
    return code


def _fuzz(name: str, asked: argparse.Namespace) -> int:
    target = next(target for target in TARGETS if target.name == name)
    outcome = run(target, asked.minutes * S_PER_MIN, asked.out, asked.seed)
    told = f"{outcome.runs} runs, {outcome.kept} inputs kept, {outcome.lines} lines"
    print(f"{name}: {told}, {len(outcome.failures)} failures", flush=True)
    for path in outcome.failures:
        last = path.with_name(f"{path.name}.txt").read_text().strip().splitlines()[-1]
        print(f"  {path}: {last[:300]}", flush=True)
    return int(bool(outcome.failures))


if __name__ == "__main__":
    sys.exit(main())
