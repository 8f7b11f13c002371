"""What a server did, for Prometheus (library prometheus_client, extra `fleet`)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from uio2_ros.robot.answer import Answer
from uio2_ros.serving.status import ModelState, ModelStatus

STAGES = ("queue", "preprocess", "encode", "first_token", "decode", "total")
BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True)
class PlainReply:
    """What is answered to an HTTP request."""

    status: HTTPStatus
    text: str
    content_type: str = "text/plain; charset=utf-8"


class ServerMetrics:
    """Counts; on the server's loop. Without the library there is nothing to read at /metrics."""

    def __init__(self) -> None:
        self._registry: Any = None
        try:
            import prometheus_client
        except ImportError:
            return
        self._exposition = prometheus_client.exposition
        self._registry = registry = prometheus_client.CollectorRegistry()
        self._connections = prometheus_client.Gauge(
            "uio2_connections", "Clients connected.", registry=registry
        )
        self._under_way = prometheus_client.Gauge(
            "uio2_instructions_under_way", "Instructions asked and not answered.", registry=registry
        )
        self._answers = prometheus_client.Counter(
            "uio2_answers", "Answers by task and error code.", ("task", "code"), registry=registry
        )
        self._seconds = prometheus_client.Histogram(
            "uio2_seconds",
            "Time of answers by stage.",
            ("stage",),
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._tokens = prometheus_client.Counter(
            "uio2_tokens", "Tokens generated.", registry=registry
        )
        self._ready = prometheus_client.Gauge(
            "uio2_model_ready", "Whether the model answers.", registry=registry
        )
        self._model = prometheus_client.Gauge(
            "uio2_model_events", "What befell the model's process.", ("event",), registry=registry
        )

    def connected(self, count: int) -> None:
        """So many clients are."""
        if self._registry is not None:
            self._connections.set(count)

    def begun(self) -> None:
        """An instruction was asked."""
        if self._registry is not None:
            self._under_way.inc()

    def ended(self, answer: Answer) -> None:
        """An instruction was answered."""
        if self._registry is None:
            return
        self._under_way.dec()
        self._answers.labels(_known_task(answer.task), answer.error_code.name).inc()
        self._tokens.inc(answer.timings.tokens)
        if not answer.error_code:
            for stage in STAGES:
                self._seconds.labels(stage).observe(getattr(answer.timings, stage))

    def page(self, status: ModelStatus) -> PlainReply:
        """All of it in Prometheus' text format."""
        if self._registry is None:
            needed = "metrics need: pip install prometheus_client\n"
            return PlainReply(HTTPStatus.NOT_IMPLEMENTED, needed)
        self._ready.set(status.state is ModelState.READY)
        for event, count in Counter({**status.counts, "restarts": status.restarts}).items():
            self._model.labels(event).set(count)
        text = self._exposition.generate_latest(self._registry).decode()
        return PlainReply(HTTPStatus.OK, text, self._exposition.CONTENT_TYPE_LATEST)


def _known_task(name: str) -> str:
    """A label that clients cannot make many of."""
    from uio2_ros.tasks.registry import TASKS

    return name if name in TASKS or not name else "other"
