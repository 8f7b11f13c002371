"""How probable given tokens are, of the logits for them.

Letters of shapes: B rows, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from uio2_ros.inference.family import TextTokenizer

OPTIONS_AT_ONCE = 64  # answer options scored together: bounds the memory of their logits


def check_options(options: Sequence[str]) -> None:
    """ValueError for what cannot be answers to choose among."""
    if not options or not all(options):
        raise ValueError("options to score must be texts that are not empty, at least one")


def option_targets(tokenizer: TextTokenizer, options: Sequence[str]) -> Tensor:
    """Options as right-padded ids (B, T) that end with the end token."""
    ids = [torch.tensor([*tokenizer.encode(option), tokenizer.end_id]) for option in options]
    return pad_sequence(ids, batch_first=True)


def cross_entropy(
    logits: Tensor, targets: Tensor, reduction: str, mask: Tensor | None = None
) -> Tensor:
    """(B,) of logits (B, T, V) for targets (B, T): "mean" or "sum" of what counts.

    mask (B, T): what counts; None is all but padding, 0.
    """
    mask = targets > 0 if mask is None else mask
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    total = (losses.view_as(targets) * mask).sum(-1)
    return total / mask.sum(-1) if reduction == "mean" else total


def log_probabilities(logits: Tensor, tokens: Tensor, top_p: float | None = None) -> Tensor:
    """Of every token (B, T) by its logits (B, T, V); with `top_p`, among those it was drawn from.

    These are the fewest that together reach `top_p`, and what is as probable as the last of them.
    """
    probabilities = logits.double().softmax(-1)
    chosen = probabilities.gather(-1, tokens[..., None])[..., 0]
    if top_p is None:
        return chosen.log()
    ordered = probabilities.sort(-1, descending=True).values
    inside = ordered.cumsum(-1) - ordered < top_p  # what is more probable does not reach it
    least = ordered.where(inside, torch.inf).amin(-1, keepdim=True)
    return chosen.log() - probabilities.where(probabilities >= least, 0).sum(-1).log()
