"""Several episodes at once, so that their questions can be answered together."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from uio2_ros.evaluation.episodes import Asked, PlayedEpisode
from uio2_ros.robot.answer import Answer

Episode = Generator[Asked, Answer, PlayedEpisode]


@dataclass(frozen=True)
class _Waiting:
    """An episode on its thread, and what comes next of it."""

    episode: Episode
    thread: ThreadPoolExecutor
    following: Future[Asked | PlayedEpisode]


class SideBySide:
    """Plays episodes, each on one thread from its start to its end, as worlds need it.

    The threads and what they draw with are kept for the next episodes until `close`.
    """

    def __init__(self) -> None:
        self._threads: list[ThreadPoolExecutor] = []

    def play(
        self, episodes: Sequence[Episode], answer: Callable[[Sequence[Asked]], Sequence[Answer]]
    ) -> Iterator[PlayedEpisode]:
        """Plays all of them; `answer` is called on the caller's thread. In the order they end."""
        while len(self._threads) < len(episodes):
            name = f"episode-{len(self._threads)}"
            self._threads.append(ThreadPoolExecutor(1, thread_name_prefix=name))
        waiting = [
            _go_on(episode, thread, None)
            for episode, thread in zip(episodes, self._threads, strict=False)
        ]
        try:
            while waiting:
                asking: list[tuple[_Waiting, Asked]] = []
                for one in waiting:
                    following = one.following.result()
                    if isinstance(following, PlayedEpisode):
                        yield following
                    else:
                        asking.append((one, following))
                answers = answer([question for _, question in asking]) if asking else ()
                waiting = [
                    _go_on(one.episode, one.thread, said)
                    for (one, _), said in zip(asking, answers, strict=True)
                ]
        finally:
            for one in waiting:
                one.thread.submit(one.episode.close).result()

    def close(self) -> None:
        """Ends the threads."""
        for thread in self._threads:
            thread.shutdown()
        self._threads.clear()


def _go_on(episode: Episode, thread: ThreadPoolExecutor, said: Answer | None) -> _Waiting:
    return _Waiting(episode, thread, thread.submit(_following, episode, said))


def _following(episode: Episode, said: Answer | None) -> Asked | PlayedEpisode:
    """The next question, or the end."""
    try:
        return next(episode) if said is None else episode.send(said)
    except StopIteration as end:
        played: PlayedEpisode = end.value
        return played
