"""`python -m uio2_ros.nodes.agent.await_active /agent` ends with 0 once the node is active.

A process of its own, so that who waits needs neither rclpy nor a DDS participant.
"""

from __future__ import annotations

import sys

import rclpy
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.action.server import RCLError

from uio2_ros.processes.parent_watch import exit_when_parent_dies

POLL_PERIOD_S = 0.2
ANSWER_TIMEOUT_S = 2.0


def main(argv: list[str]) -> int:
    """Wait for the node of this full name, for as long as it takes."""
    exit_when_parent_dies()
    (name,) = argv
    rclpy.init(args=[])
    node = rclpy.create_node("await_active", start_parameter_services=False, enable_rosout=False)
    client = node.create_client(GetState, f"{name}/get_state")
    try:
        while True:
            if client.wait_for_service(POLL_PERIOD_S):
                answer = client.call_async(GetState.Request())
                rclpy.spin_until_future_complete(node, answer, timeout_sec=ANSWER_TIMEOUT_S)
                if answer.done() and answer.result().current_state.id == State.PRIMARY_STATE_ACTIVE:
                    return 0
                rclpy.spin_once(node, timeout_sec=POLL_PERIOD_S)
    except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        return 1
    except RCLError:
        if rclpy.ok():
            raise
        return 1  # a signal has ended the context while something was using it
    finally:
        rclpy.try_shutdown()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
