"""What is written down about the tasks is what the tasks say."""

import pytest

from uio2_ros.cli.task_reference import PAGE, STUBS, page, stub_text


def test_the_tables_of_the_page_are_those_of_the_tasks():
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run python -m uio2_ros.cli.task_reference"


@pytest.mark.parametrize("stub", STUBS, ids=lambda stub: stub.file.stem)
def test_type_checkers_know_the_methods_that_there_are(stub):
    written = stub.file.read_text(encoding="utf-8")
    assert stub_text(stub) == written, "run python -m uio2_ros.cli.task_reference"


def test_a_page_without_room_for_a_table_is_refused():
    with pytest.raises(ValueError, match="needs a line '<!-- table: tasks -->'"):
        page("# Tasks\n")
