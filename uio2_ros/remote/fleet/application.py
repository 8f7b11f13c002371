"""Two applications of Ray Serve: the model in its replicas, and the gateways that robots talk to.

They are two so that either is deployed anew without the other: a new bundle replaces the replicas,
new ones first, while the gateways keep their connections. `model` and `gateway` make them of plain
values, for the files of Serve and of KubeRay (config/ray_service.yaml).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ray import serve
from ray.serve.config import AutoscalingConfig, RequestRouterConfig
from ray.serve.deployment import Application

from uio2_ros.processes.access import AccessError, read_token
from uio2_ros.remote.access import TOKEN_VARIABLE, Address, ServerAccess
from uio2_ros.remote.fleet.asgi import AsgiServer
from uio2_ros.remote.fleet.replica import ModelReplica
from uio2_ros.remote.fleet.replicated_model import ReplicatedModel
from uio2_ros.remote.fleet.settings import FleetSettings, GatewaySettings
from uio2_ros.remote.limits import ServerLimits
from uio2_ros.remote.server import ModelServer, PolicyTask
from uio2_ros.serving import ModelSpec, ModelStatus, ServingSettings
from uio2_ros.serving.model_process import DEFAULT_FACTORY
from uio2_ros.settings import from_values, settings_of

MODEL, GATEWAY = "uio2-model", "uio2-gateway"
"""Names of the applications."""
PROXY_BYTES = 16 * 2**20
"""What Serve's proxies let through in one message of a WebSocket."""
DRAIN_S = 120.0
"""How long a replica that is replaced may take for what it has under way."""
STICKY = "ray.serve.experimental.consistent_hash_router.ConsistentHashRouter"


class Gateway:
    """Serves robots in a replica of Ray Serve, as `./uio2 serve` does in a process."""

    def __init__(self, settings: GatewaySettings) -> None:
        """AccessError without a token where one is needed."""
        token = read_token(settings.token_file, TOKEN_VARIABLE)
        if not token and not settings.private:
            raise AccessError(f"a gateway takes a token: a token_file, or ${TOKEN_VARIABLE}")
        limits = settings.limits
        if limits.message_bytes > PROXY_BYTES:
            limits = replace(limits, message_bytes=PROXY_BYTES)
        self._model = ReplicatedModel(MODEL, self._tell)
        behind = ServerAccess(Address("localhost", 0), token)  # it listens nowhere: proxies do
        self._server = ModelServer(self._model, behind, limits, settings.policy)

    def __serve_build_asgi_app__(self) -> AsgiServer:
        return AsgiServer(self._server, self._model.start)

    def _tell(self, _status: ModelStatus) -> None:
        self._server.tell_model()


def model_application(
    spec: ModelSpec,
    serving: ServingSettings,
    fleet: FleetSettings,
    factory: str = DEFAULT_FACTORY,
) -> Application:
    """The model in replicas; `factory` as for `ModelProcess`."""
    ongoing = serving.concurrent + serving.queue_size
    deployment = serve.deployment(
        ModelReplica,
        name="model",
        ray_actor_options={"num_cpus": fleet.cpus, "num_gpus": fleet.gpus},
        max_ongoing_requests=ongoing,
        max_queued_requests=ongoing * fleet.max_replicas,
        autoscaling_config=AutoscalingConfig(
            min_replicas=fleet.min_replicas,
            max_replicas=fleet.max_replicas,
            target_ongoing_requests=fleet.under_way,
        ),
        request_router_config=RequestRouterConfig(request_router_class=STICKY),
        graceful_shutdown_timeout_s=DRAIN_S,
        max_surge_percent=100,  # new ones come before old ones go
    )
    return deployment.bind(spec, serving, factory)


def gateway_application(settings: GatewaySettings, replicas: int = 1) -> Application:
    """The gateways: each robot is connected to one, which asks the replicas."""
    deployment = serve.deployment(
        serve.ingress()(Gateway),
        name="gateway",
        num_replicas=replicas,
        ray_actor_options={"num_cpus": 0.1},
        max_ongoing_requests=settings.limits.connections + 8,  # connections, and who reads pages
    )
    return deployment.bind(settings)


def model(values: Mapping[str, Any]) -> Application:
    """Of settings by their names: those of `ModelSpec`, `ServingSettings` and `FleetSettings`.

    ValueError for one that is unknown or makes no sense.
    """
    _expect_known(values, ModelSpec, ServingSettings, FleetSettings)
    serving = from_values(ServingSettings, {"concurrent": 16, "queue_size": 64, **values})
    spec = from_values(ModelSpec, values)
    batched = replace(spec, tasks=replace(spec.tasks, max_batch=serving.concurrent))
    return model_application(batched, serving, from_values(FleetSettings, values))


def gateway(values: Mapping[str, Any]) -> Application:
    """Of settings by their names: those of `ServerLimits`, `token_file`, `task`, `action_space` and
    `gateways`. ValueError for one that is unknown or makes no sense."""
    own = {"token_file": "", "task": "act", "action_space": "", "gateways": 1}
    _expect_known({name: v for name, v in values.items() if name not in own}, ServerLimits)
    given = {**own, **values}
    settings = GatewaySettings(
        token_file=given["token_file"],
        limits=from_values(ServerLimits, values),
        policy=PolicyTask(given["task"], given["action_space"]),
    )
    return gateway_application(settings, given["gateways"])


def _expect_known(values: Mapping[str, Any], *settings: type[Any]) -> None:
    known = [name for one in settings for name in settings_of(one)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"no setting is called {', '.join(unknown)}; there are {', '.join(known)}")
