"""What a model would write while it learns, beside what it should: for people to look at."""

from __future__ import annotations

import torch

from uio2_ros.model.example import Batch
from uio2_ros.model.families.unified_io_2.unified_io import UnifiedIO
from uio2_ros.processing import Tokenizer

ROWS = 16


@torch.no_grad()
def answer_sheet(model: UnifiedIO, batch: Batch, tokenizer: Tokenizer) -> str:
    """A Markdown table of some examples: prompt, target, and the likeliest token at each place.

    Under teacher forcing: each token is that which follows the right ones before it. Empty for a
    batch without texts to write.
    """
    if batch.text_target is None:
        return ""
    written = model(batch)["text"].logits.argmax(-1)  # (B, T)
    lines = ["| prompt | target | written |", "|---|---|---|"]
    for prompt, target, answer in zip(batch.text, batch.text_target, written, strict=True):
        length = int((target > 0).sum())
        texts = (prompt.tolist(), target.tolist(), answer[:length].tolist())
        lines.append("| " + " | ".join(map(_cell, map(tokenizer.decode, texts))) + " |")
    return "\n".join(lines[: ROWS + 2]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ").replace("<", "`<").replace(">", ">`")
