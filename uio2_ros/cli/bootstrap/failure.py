"""Set-up failures and what they mean: the text a person needs to get going again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


class SetupError(Exception):
    """The set-up cannot go on; the message says why and what to do."""


@dataclass(frozen=True)
class Symptom:
    """A pattern in a log, what it means and what to do about it."""

    pattern: str
    meaning: str
    remedy: str


SYMPTOMS = (
    Symptom(
        r"No space left on device",
        "the disk is full",
        "free some gigabytes (df -h shows where) and run the same command again",
    ),
    Symptom(
        r"name resolution|Name or service not known|Max retries exceeded|Connection refused"
        r"|Network is unreachable|ReadTimeout|ConnectTimeout|timed out",
        "the package server could not be reached",
        "check the network and pip's proxy and index settings (pip config list), then run again",
    ),
    Symptom(
        r"No matching distribution found for (?P<what>\S+)",
        "the package source has no version of {what} for this Python and this machine",
        "check pip config list; Python 3.10 to 3.14 on x86-64 Linux with glibc 2.28 are supported",
    ),
    Symptom(
        r"ResolutionImpossible|conflicting dependencies",
        "packages ask for versions that exclude each other",
        "remove .venv and run again; if it stays, your pip configuration pins something",
    ),
    Symptom(
        r"Python\.h: No such file|Could NOT find Python3.*Development",
        "the headers of Python are missing",
        "install them (Debian and Ubuntu: apt-get install python3-dev) and run again",
    ),
    Symptom(
        r"No CMAKE_CXX_COMPILER|No CMAKE_C_COMPILER|CMAKE_MAKE_PROGRAM is not set",
        "there is no C++ compiler or no make",
        "install them (Debian and Ubuntu: apt-get install g++ make) and run again",
    ),
    Symptom(
        r"Killed signal terminated program|std::bad_alloc|MemoryError|exit(ed)? (with )?code -9",
        "a compiler or installer ran out of memory",
        "close other programs, or run again with MAKEFLAGS=-j1",
    ),
    Symptom(
        r"ensurepip is not available|No module named (venv|ensurepip)",
        "this Python cannot make virtual environments",
        "install its venv package (Debian and Ubuntu: apt-get install python3-venv) and run again",
    ),
    Symptom(
        r"Permission denied",
        "a file or folder may not be written",
        "check who owns the checkout (ls -la) and run again as that user",
    ),
)


def explain(log: str) -> str:
    """What a failing step's log means and what to do, as one sentence."""
    for symptom in SYMPTOMS:
        found = re.search(symptom.pattern, log)
        if found:
            return f"{symptom.meaning.format(**found.groupdict())}: {symptom.remedy}."
    return "no known cause: read the lines above; ./uio2 doctor checks the machine."


def failure_report(title: str, code: int, log: str, log_file: Path, lines: int = 15) -> str:
    """The last lines of a failing step, what they mean and where the rest is."""
    last = "\n".join(f"    {line}" for line in log.rstrip().splitlines()[-lines:])
    return f"{title} failed with code {code}:\n{last}\n  {explain(log)}\n  Full log: {log_file}"
