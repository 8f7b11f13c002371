"""The report and the video have in them what they must."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from evaluation.scripted import oracle_steps, settings

from uio2_ros.evaluation.drawing import Ground, draw_steps, driven
from uio2_ros.evaluation.film import chosen, frames_of, write_film
from uio2_ros.evaluation.records import EpisodeRecord, PerceptionRecord
from uio2_ros.evaluation.report import Facts, Other, write_report
from uio2_ros.evaluation.run_folder import RunFolder
from uio2_ros.evaluation.summary import compare, sameness, successes, understandings
from uio2_ros.robot.poses import Pose2D
from uio2_ros.sim import Split, World, sample_episode

RUN = settings(tasks=("put", "go_to"), episodes=2, perception=1)
FACTS = Facts(
    "uio2-<large>", False, True, {"python": "3.11"}, "./uio2 eval sim --seed 7", "video.mp4"
)


def record(policy: str, task: str, seed: int, success: bool, error: str = "") -> EpisodeRecord:
    code = 9114 if error else 0
    said = f"do {task}"
    return EpisodeRecord(policy, task, seed, said, success, (), 1, 2.5, code, error)


RECORDS = [
    *(record("oracle", task, seed, True) for task in RUN.tasks for seed in (7, 8)),
    *(record("random", task, seed, False) for task in RUN.tasks for seed in (7, 8)),
    record("model", "put", 7, True),
    record("model", "put", 8, False),
    record("model", "go_to", 7, False, "no <move> in it"),
    record("model", "go_to", 8, False),
]
QUESTIONS = [
    PerceptionRecord("vqa", "put_7", "What?", {"accuracy": 1.0}),
    PerceptionRecord("vqa", "put_8", "What?", {"accuracy": 0.0}, error_code=9114, error="none"),
    PerceptionRecord("cuboids", "put_7", "", {"recall": 0.5, "centre error (m)": 0.12}),
]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    found = RunFolder(tmp_path / "run", RUN)
    for number, one in enumerate((*RECORDS, *QUESTIONS)):
        found.add(one)
        if isinstance(one, EpisodeRecord):
            found.save_picture(one.picture, np.full((40, 60, 3), number * 10, np.uint8))
    yield found
    found.close()


def pictures(page: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    return [
        cv2.imdecode(np.frombuffer(base64.b64decode(one), np.uint8), cv2.IMREAD_COLOR)
        for one in found
    ]


class Links(HTMLParser):
    """What a page asks for from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attributes if name in ("src", "href") and value]


def test_the_report_tells_rates_with_their_intervals(folder: RunFolder) -> None:
    page = write_report(folder, RUN, FACTS).read_text()
    assert "50.0 % [9.5, 90.5]" in page  # the model at put, and at vqa
    assert "100.0 % [34.2, 100.0]" in page  # the oracle at one task
    assert "25.0 % [4.6, 69.9]" in page  # the model at all
    assert "0.12 [0.12, 0.12]" in page
    assert all(f">{policy}<" in page for policy in ("model", "oracle", "random"))
    assert "held-out split, seeds 7 to 8, in-process" in page
    assert FACTS.command in page


def test_the_report_needs_no_other_file_but_the_video(folder: RunFolder) -> None:
    links = Links()
    links.feed(write_report(folder, RUN, FACTS).read_text())
    assert {link for link in links.found if not link.startswith("data:")} == {"video.mp4"}


def test_the_report_shows_an_episode_of_each_task_and_the_failures(folder: RunFolder) -> None:
    page = write_report(folder, RUN, FACTS).read_text()
    shown, failed = page.split("<h2>Failures</h2>")
    assert len(pictures(shown)) == 4  # model and oracle of two tasks
    assert len(pictures(failed)) == 3
    assert "3 of 3 are shown" in failed
    assert all(one.shape == (40, 60, 3) for one in pictures(page))


def test_failed_answers_are_listed_with_their_code_and_escaped(folder: RunFolder) -> None:
    page = write_report(folder, RUN, FACTS).read_text()
    assert "PARSE_FAILED 9114" in page
    assert "no &lt;move&gt; in it" in page
    assert "uio2-&lt;large&gt;" in page
    assert "<move>" not in page


def test_the_report_warns_of_synthetic_weights_and_of_an_early_end(folder: RunFolder) -> None:
    assert 'banner">' not in write_report(folder, RUN, FACTS).read_text()
    warned = write_report(folder, RUN, replace(FACTS, synthetic_weights=True, complete=False))
    page = warned.read_text()
    assert "nobody trained this model" in page
    assert "not complete" in page


def test_another_run_is_compared_number_by_number(folder: RunFolder) -> None:
    better = [replace(one, success=True) if one.policy == "model" else one for one in RECORDS]
    page = write_report(folder, RUN, replace(FACTS, other=Other("last week", better))).read_text()
    assert "Compared with last week" in page
    assert "3 of 12 shared ones differ, among them model" in page
    assert "100.0 % [51.0, 100.0]" in page


def test_a_run_is_the_same_as_itself() -> None:
    assert sameness(RECORDS, [replace(one, answer_s=9.0) for one in RECORDS]).differing == ()
    assert sameness(RECORDS, RECORDS[:3]).shared == 3


def test_intervals_that_do_not_meet_are_apart() -> None:
    many = [record("model", "put", seed, seed < 50) for seed in range(100)]
    few = [record("model", "put", seed, seed < 5) for seed in range(100)]
    assert [one.apart for one in compare(many, few)] == [True]
    assert [one.apart for one in compare(many, many[:50] + few[50:])] == [False]


def test_each_policy_is_summed_up_by_task_and_over_all() -> None:
    found = {(one.policy, one.task): one for one in successes(RECORDS)}
    assert found["model", "all"].rate.mean == 0.25
    assert found["model", "go_to"].errors == 1
    assert found["oracle", "put"].rate.count == 2
    assert len(found) == 9


def test_errors_of_what_was_not_found_have_no_part_in_the_mean() -> None:
    found = {(one.task, one.score): one for one in understandings(QUESTIONS)}
    assert found["vqa", "accuracy"].value.mean == 0.5
    assert found["vqa", "accuracy"].errors == 1
    assert found["cuboids", "centre error (m)"].value.count == 1
    assert found["cuboids", "median centre error (m)"].value.count == 1


def test_an_empty_run_has_a_report(tmp_path: Path) -> None:
    run = settings(episodes=0)
    folder = RunFolder(tmp_path / "run", run)
    assert "no seeds" in write_report(folder, run, replace(FACTS, video="")).read_text()


def test_steps_are_drawn_where_they_happen() -> None:
    episode = sample_episode("put", 7, Split.HELD_OUT, RUN.size)
    steps = oracle_steps("put")
    with World(episode.scene) as world:
        picture, ground = world.colour("front"), Ground.of(world, "front")
    drawn, plain = draw_steps(picture, steps, ground), draw_steps(picture, (), ground)
    assert drawn.shape == (96, 128, 3)
    ((x, y),) = ground.spots([(steps[0].start.x, steps[0].start.y)])
    changed = np.argwhere((drawn != plain).any(axis=-1))
    assert (np.abs(changed - (y, x)).max(axis=1) < 6).any()
    assert len(changed) < 0.3 * plain[..., 0].size


def test_a_drive_goes_where_its_moves_lead() -> None:
    places = driven(oracle_steps("go_to"), Pose2D(0.0, 0.0, 0.0))
    assert places[0] == (0.0, 0.0)
    assert np.hypot(*places[-1]) > 0.5


def test_the_video_shows_the_steps_and_how_it_ended(tmp_path: Path) -> None:
    import av

    run = settings(tasks=("put",))
    done = EpisodeRecord("oracle", "put", 7, "put it there", True, oracle_steps("put"), 1, 5.0)
    path = write_film(tmp_path / "video.mp4", [done], run)
    with av.open(str(path)) as container:
        (stream,) = container.streams.video
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    expected = list(frames_of(done, run))
    assert len(frames) == len(expected) > 40
    assert frames[0].shape == expected[0].shape
    assert np.abs(frames[-1].astype(int) - expected[-1]).mean() < 8
    assert list(tmp_path.iterdir()) == [path]


def test_the_video_is_of_the_model_if_there_is_one() -> None:
    assert [one.key for one in chosen(RECORDS, 1)] == [RECORDS[8].key, RECORDS[10].key]
    assert {one.policy for one in chosen(RECORDS[:8], 2)} == {"oracle"}
    assert chosen([], 1) == chosen(RECORDS, 0) == []
