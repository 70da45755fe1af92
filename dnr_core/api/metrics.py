"""What a service counts, in the text format of Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
TURNS = (1, 4, 16, 64, 256, 1024, 4096)


class Metrics:
    """The counters of one service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "dnr_requests", "Requests that were answered", ("route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "dnr_request_seconds", "From the first byte to the answer", ("route",), buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.turns = Counter("dnr_predicted_turns", "Turns that were predicted", registry=self.registry)
        self.batch = Histogram("dnr_batch_turns", "Turns in one forward pass", buckets=TURNS, registry=self.registry)
        self.forward = Histogram("dnr_batch_seconds", "One forward pass", buckets=SECONDS, registry=self.registry)
        self.open = Gauge("dnr_open_requests", "Requests that are being answered", registry=self.registry)
        self.queued = Gauge("dnr_queued_turns", "Turns that wait for a prediction", registry=self.registry)
        self.waiting = Gauge("dnr_waiting_computations", "Explanations that wait or run", registry=self.registry)
        self.held = Gauge("dnr_body_bytes", "Bytes of bodies in memory", registry=self.registry)

    def ran(self, turns: int, seconds: float) -> None:
        """A forward pass of some turns has ended."""
        self.turns.inc(turns)
        self.batch.observe(turns)
        self.forward.observe(seconds)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """A request has been answered; `route` is the path of a route, so that their number is bounded."""
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All of it."""
        return generate_latest(self.registry)
