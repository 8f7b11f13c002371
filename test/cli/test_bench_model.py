import json

import pytest

from uio2_ros.cli import bench, bench_model

FEW = ["--tokens", "3", "--history", "1", "--segments", "1", "--repeats", "1"]


@pytest.fixture
def small_ceilings(monkeypatch):
    monkeypatch.setattr(bench_model, "WIDTH", 64)
    monkeypatch.setattr(bench_model, "READ_BYTES", 2**16)


@pytest.mark.usefixtures("small_ceilings")
def test_every_form_of_a_size_is_measured_and_written_down(tmp_path, capsys):
    path = tmp_path / "tiny.json"
    assert bench.main(["model", "tiny", *FEW, "--json", str(path)]) == 0
    told, written = capsys.readouterr().out, json.loads(path.read_text())
    for form in bench_model.FORMS:
        assert f"{form} token " in told
    runs = {run["form"]: run for run in written["runs"]}
    assert list(runs) == list(bench_model.FORMS)
    for run in runs.values():
        assert list(run["stages"]) == [
            *("history", "encode", "prefill", "token", "instruction", "on arrival")
        ]
        assert run["stages"]["token"]["floor"] > 0
        assert run["stages"]["on arrival"]["p50"] > run["stages"]["encode"]["p50"] > 0
        assert run["stages"]["instruction"]["p50"] > run["stages"]["on arrival"]["p50"]
    assert runs["float32"]["logit_error"] is None
    assert 0 < runs["bfloat16"]["logit_error"] < 0.1
    assert 0 < runs["int8"]["logit_error"] < 0.2
    assert runs["all-bfloat16"]["logit_error"] != runs["bfloat16"]["logit_error"]

    assert bench.main(["model", "--compare", str(path), str(path)]) == 0
    compared = capsys.readouterr().out.splitlines()
    assert all(line.endswith("    1.00") for line in compared[1:])
    assert len(compared) == 1 + 6 * len(bench_model.FORMS)


@pytest.mark.usefixtures("small_ceilings")
def test_a_bundle_is_measured_with_what_it_reads(capsys):
    assert bench.main(["model", "uio2-nano", "--forms", "float32", *FEW]) == 0
    assert "float32 instruction" in capsys.readouterr().out


@pytest.mark.usefixtures("small_ceilings")
def test_the_other_family_is_measured_too(capsys):
    assert bench.main(["model", "uio1-tiny", "--forms", "float32", "bfloat16", *FEW]) == 0
    told = capsys.readouterr().out
    assert "float32 instruction" in told
    assert "bfloat16 tokens/s" in told
