"""What the behaviours of a tree act through: the agent, the bridge, and the agent's eyes. rclpy."""

from __future__ import annotations

from rclpy.parameter import Parameter

from uio2_ros.client import AgentClient, BridgeClient, Execution
from uio2_ros.messages.qos import LATCHED
from uio2_ros.messages.stamps import nanoseconds_of
from uio2_ros.msg import HistoryState, Plan


class Robot:
    """The agent, the bridge and the pictures of one namespace; `close`, or `with`, at the end."""

    def __init__(
        self,
        *,
        namespace: str = "",
        agent: str = "agent",
        bridge: str = "bridge",
        use_sim_time: bool = False,
    ) -> None:
        """`agent` and `bridge` are node names in `namespace`; simulated time is that of /clock."""
        self.agent = AgentClient(name=agent, namespace=namespace)
        self.agent.node.set_parameters([Parameter("use_sim_time", value=use_sim_time)])
        self._bridge = BridgeClient(self.agent, bridge)
        self.bridge = self._bridge.action
        prefix = self.agent.agent.rpartition("/")[0]
        node = self.agent.node
        node.create_subscription(HistoryState, f"{prefix}/history_state", self._remember, LATCHED)
        self._newest_ns = 0

    def now_ns(self) -> int:
        """The time by which pictures are stamped."""
        return int(self.agent.node.get_clock().now().nanoseconds)

    @property
    def newest_picture_ns(self) -> int:
        """Stamp of the newest picture that the agent has; 0 before the first."""
        return self._newest_ns

    def has_bridge(self) -> bool:
        """Whether there is a bridge at this moment."""
        return self._bridge.is_ready()

    def execute(self, plan: Plan, timeout_s: float, *, after_step: bool = False) -> Execution:
        """Sends a plan to the bridge without waiting."""
        return self._bridge.execute(plan, timeout_s, after_step=after_step)

    def close(self) -> None:
        """Cancels what is on its way, and ends the node and its thread."""
        self._bridge.close()
        self.agent.close()

    def __enter__(self) -> Robot:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _remember(self, state: HistoryState) -> None:
        if state.frame_stamps:
            self._newest_ns = nanoseconds_of(state.frame_stamps[-1])
