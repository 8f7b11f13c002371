"""Asks a running agent in every way there is. Start one with ./uio2 up, then run this."""

from __future__ import annotations

import asyncio

from uio2_ros.client import AgentClient, AgentError, Progress


def main() -> None:
    with AgentClient() as agent:
        cup = agent.locate("the cup")
        print("a region:  ", cup.label, cup.box)
        answer = agent.ask("Is there a cup?", task="vqa", timeout_s=20)
        print("a text:    ", answer.text, f"({answer.timings.total:.1f} s)")
        plan = agent.plan("put the spoon into the cup")
        print("a plan:    ", *(step.name for step in plan.steps), f"in {plan.frame_id}")
        asyncio.run(two_at_once(agent))
        cancel_at_the_third_token(agent)


async def two_at_once(agent: AgentClient) -> None:
    cups, caption = await asyncio.gather(agent.localize_async("cup"), agent.caption_async())
    print("two:       ", len(cups), "cups;", caption)


def cancel_at_the_third_token(agent: AgentClient) -> None:
    def watch(progress: Progress) -> None:
        if progress.tokens >= 3:
            pending.cancel()

    pending = agent.localize_async("spoon", on_progress=watch)
    try:
        print("too fast:  ", pending.result(20))
    except AgentError as error:
        print("cancelled: ", error.code.name, error.message)


if __name__ == "__main__":
    main()
