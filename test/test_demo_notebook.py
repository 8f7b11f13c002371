"""The notebook runs from top to bottom in a fresh kernel, and is committed as it ran."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOK = Path(__file__).parents[1] / "examples" / "demo.ipynb"
MOST_BYTES = 1_000_000
SHOWN = {"text/plain", "text/html", "image/jpeg"}


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds_of_output(notebook: NotebookNode) -> set[str]:
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return {kind for output in outputs for kind in output.get("data", {})}


@pytest.fixture
def committed() -> NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.mark.timeout(3600)  # it is all of the library: minutes on an idle machine
def test_every_cell_runs(
    committed: NotebookNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cell in code_cells(committed):
        cell.outputs, cell.execution_count = [], None
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))  # no kernels of the user's
    here = {"metadata": {"path": str(NOTEBOOK.parents[1])}}
    NotebookClient(committed, kernel_name="python3", timeout=None, resources=here).execute()
    cells = code_cells(committed)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert kinds_of_output(committed) == SHOWN


def test_it_is_committed_as_it_ran_and_small(committed: NotebookNode) -> None:
    cells = code_cells(committed)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert kinds_of_output(committed) == SHOWN
    kinds = {output.output_type for cell in cells for output in cell.outputs}
    assert "error" not in kinds
    assert not [o for c in cells for o in c.outputs if o.get("name") == "stderr"]
    assert NOTEBOOK.stat().st_size < MOST_BYTES


def test_its_first_words_tell_how_to_use_real_weights(committed: NotebookNode) -> None:
    assert "Engine.from_pretrained(" in committed.cells[0].source
