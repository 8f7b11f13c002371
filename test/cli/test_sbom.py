"""The page of licences is complete, and the bill of materials is CycloneDX."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

from uio2_ros.cli import sbom
from uio2_ros.cli.sbom import LICENCES, main

HAS_TOOL = importlib.util.find_spec("cyclonedx_py") is not None


def test_every_package_that_is_installed_here_is_listed_with_its_licence() -> None:
    pytest.importorskip("packaging")
    from uio2_ros.cli.licences import UNSAID, licences

    rows = re.findall(r"^\| (\S+) \| (.+?) \| .* \|$", LICENCES.read_text("utf-8"), re.MULTILINE)
    listed = dict(rows)
    here = licences()
    assert {"numpy", "torch", "msgpack"} <= {one.package for one in here}
    missing = sorted(one.package for one in here if one.package not in listed)
    assert missing == [], "run ./uio2 sbom --licences"
    assert [name for name, licence in rows if licence == UNSAID] == []


def test_without_the_tool_it_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sbom, "TOOL", "no_such_tool")
    assert main([]) == 2
    assert "pip install '.[sbom]'" in capsys.readouterr().err


@pytest.mark.skipif(not HAS_TOOL, reason="needs pip install '.[sbom]'")
def test_the_bill_is_cyclonedx_and_names_this_package_and_what_it_uses(tmp_path: Path) -> None:
    file = tmp_path / "sbom.json"
    assert main(["-o", str(file)]) == 0
    bill = json.loads(file.read_text("utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "uio2_ros"
    assert {"numpy", "torch"} <= {component["name"] for component in bill["components"]}
