"""How many replicas there are, what each takes, and what gateways take. No Ray."""

from __future__ import annotations

from dataclasses import dataclass, field

from uio2_ros.remote.limits import ServerLimits
from uio2_ros.remote.server import PolicyTask
from uio2_ros.settings import check, setting


@dataclass(frozen=True)
class FleetSettings:
    """Replicas of a model in Ray Serve; ValueError for values that make no sense."""

    min_replicas: int = setting(1, "replicas of the model that are always there", low=1, high=1000)
    max_replicas: int = setting(1, "replicas of the model at most", low=1, high=1000)
    under_way: int = setting(
        24, "instructions under way for each replica, beyond which another is started", low=1
    )
    cpus: float = setting(1.0, "processors of each replica, or a share of one")
    gpus: float = setting(0.0, "GPUs of each replica, or a share of one")

    def __post_init__(self) -> None:
        check(self)
        if self.max_replicas < self.min_replicas:
            raise ValueError(
                f"max_replicas is {self.max_replicas}; expected min_replicas, "
                f"{self.min_replicas}, or more"
            )


@dataclass(frozen=True)
class GatewaySettings:
    """What a gateway takes from robots: a token, unless the proxies are `private`, reachable from
    their machine alone."""

    token_file: str = ""
    private: bool = False
    limits: ServerLimits = field(default_factory=ServerLimits)
    policy: PolicyTask = field(default_factory=PolicyTask)
