"""`./uio2 doctor`: what works on this machine, and how to repair the rest.

Runs before the set-up and where the set-up fails, so it imports the standard library only.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from uio2_ros.cli.bootstrap.failure import SetupError
from uio2_ros.cli.bootstrap.layout import Layout
from uio2_ros.cli.bootstrap.ros import Ros, find_ros
from uio2_ros.cli.diagnosis import installation as installed
from uio2_ros.cli.diagnosis import machine
from uio2_ros.cli.diagnosis.finding import Finding, Status, broken

ROOT = Path(__file__).resolve().parents[2]
MARKS = {Status.OK: "ok     ", Status.LIMITED: "limited", Status.BROKEN: "BROKEN "}


def main(argv: Sequence[str]) -> int:
    """Print the report; 1 if something without which nothing runs is broken."""
    options = _parse(argv)
    findings = examine(options.model, options.tokenizer)
    for finding in findings:
        print(render(finding))
    broken_count = sum(finding.status is Status.BROKEN for finding in findings)
    limited_count = sum(finding.status is Status.LIMITED for finding in findings)
    print(f"\n{broken_count} broken, {limited_count} limited of {len(findings)} checks")
    return int(broken_count > 0)


def examine(model: str, tokenizer: str) -> list[Finding]:
    """Run all checks; those that start a process run side by side."""
    findings = []
    try:
        ros = find_ros(os.environ)
    except SetupError as failure:
        findings.append(broken("sourced ROS 2", os.environ.get("ROS_DISTRO", ""), str(failure)))
        ros = Ros()
    layout = Layout(ROOT, ros.variant)
    installation = installed.Installation(layout, ros)
    environment = installation.environment
    probing = (
        partial(installed.check_set_up, installation),
        partial(installed.check_ros, installation),
        partial(installed.check_dds_profile, environment),
        partial(installed.check_interfaces, installation),
        partial(installed.check_torch, installation),
        partial(installed.check_tokenizer, installation, tokenizer),
        partial(installed.check_checkpoint, model, environment),
        machine.check_cameras,
        partial(installed.check_microphones, installation),
    )
    with ThreadPoolExecutor(max_workers=2) as pool:
        answers = [pool.submit(check) for check in probing]
        findings += [machine.check_system(ros), *machine.check_prerequisites(ros)]
        findings += [machine.check_memory(), machine.check_disk(layout)]
        findings += [machine.check_shared_memory(), *(answer.result() for answer in answers)]
    return findings


def render(finding: Finding) -> str:
    """The finding as one line, or two with its remedy."""
    line = f"{MARKS[finding.status]}  {finding.subject:16} {finding.detail}"
    return f"{line}\n{'':25} -> {finding.remedy}" if finding.remedy else line


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./uio2 doctor", description=__doc__)
    parser.add_argument("--model", default="synthetic", help="hub id or folder to check as well")
    parser.add_argument("--tokenizer", default="", help="tokenizer file to check as well")
    return parser.parse_args(argv)
