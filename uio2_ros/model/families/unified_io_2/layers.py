"""The layers that the encoders, the resamplers and the transformer are made of.

Letters of shapes: B batch, S sequence, H heads, D channels of a head, E model width.
"""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uio2_ros.model.families.unified_io_2.rotary import rotate
from uio2_ros.model.products import Linear

MAX_LOG_SCALE = math.log(100.0)


class KeysValues(NamedTuple):
    """What a query attends to, both (B, H, S, D)."""

    keys: Tensor
    values: Tensor


def normal_parameter(*shape: int, std: float = 1.0) -> nn.Parameter:
    """A parameter drawn from a normal distribution around 0."""
    return nn.Parameter(nn.init.normal_(torch.empty(shape), std=std))


class RMSNorm(nn.Module):
    """Root-mean-square norm without bias; statistics in float32.

    The gain takes the dtype of the input: torch has a fused kernel for equal dtypes only, and
    under autocast the gain is float32 where queries and keys are bfloat16.
    """

    def __init__(self, dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.scale = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], self.scale.to(x.dtype), self.eps)


class GatedMLP(nn.Module):
    """The transformer's MLP: SiLU of `wi_0` gates `wi_1`; both are one where it is quantised."""

    joined: ClassVar = {"wi": ("wi_0", "wi_1")}

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.wi_0 = Linear(dim, hidden)
        self.wi_1 = Linear(dim, hidden)
        self.wi: nn.Module | None = None
        self.wo = Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        if self.wi is not None:
            gate, value = self.wi(x).chunk(2, dim=-1)
        else:
            gate, value = self.wi_0(x), self.wi_1(x)
        return self.wo(F.silu(gate) * value)  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Multi-head attention without biases, with QK-norm, scaled-cosine logits or neither.

    Logits are float32: torch's fused kernels accumulate and normalise in float32 whatever the
    dtype of their inputs, and scaled-cosine attention is computed in float32 throughout.
    Projections and attention are separate calls, so that keys and values can be kept. Where it is
    quantised, keys and values are one projection.
    """

    joined: ClassVar = {"key_value": ("key", "value")}

    def __init__(
        self, dim: int, heads: int, *, qk_norm: bool = False, scaled_cosine: bool = False
    ) -> None:
        super().__init__()
        self.key_value: nn.Module | None = None
        self.heads = heads
        self.query = Linear(dim, dim)
        self.key = Linear(dim, dim)
        self.value = Linear(dim, dim)
        self.out = Linear(dim, dim)
        self.query_norm = RMSNorm(dim // heads) if qk_norm else None
        self.key_norm = RMSNorm(dim // heads) if qk_norm else None
        log_scale = torch.full((heads,), math.log(10.0))
        self.logit_scale = nn.Parameter(log_scale) if scaled_cosine else None

    def project_query(self, x: Tensor, rotary: Tensor | None = None) -> Tensor:
        """(B, S, E) -> (B, H, S, D), normalised and turned."""
        query = split_heads(self.query(x), self.heads)
        query = query if self.query_norm is None else self.query_norm(query)
        return query if rotary is None else rotate(query, rotary)

    def project_keys_values(self, x: Tensor, rotary: Tensor | None = None) -> KeysValues:
        """(B, S, E) -> keys, normalised and turned, and values, both (B, H, S, D)."""
        if self.key_value is not None:
            keys, values = self.key_value(x).chunk(2, dim=-1)
        else:
            keys, values = self.key(x), self.value(x)
        keys = split_heads(keys, self.heads)
        keys = keys if self.key_norm is None else self.key_norm(keys)
        keys = keys if rotary is None else rotate(keys, rotary)
        return KeysValues(keys, split_heads(values, self.heads))

    def attend(
        self, query: Tensor, memory: KeysValues, mask: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        """(B, H, S, D) over `memory` -> (B, S, E); `mask` is true where attention is allowed."""
        if self.logit_scale is None:
            mixed = attention(query, *memory, mask, causal=causal)
        else:
            mixed = scaled_cosine_attention(query, memory, self.logit_scale, mask)
        return self.out(mixed.transpose(1, 2).flatten(-2))  # type: ignore[no-any-return]


def attention(
    query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, *, causal: bool = False
) -> Tensor:
    """Scaled dot-product attention, (B, H, S, D) each.

    Gradients on a CPU are computed in float32: its bfloat16 kernel takes three times as long.
    """
    dtype = query.dtype
    if _is_lone_query(query):
        return _lone_attention(query, keys, values, mask)
    if query.requires_grad and query.device.type == "cpu":
        query, keys, values = query.float(), keys.float(), values.float()
    mixed = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask, is_causal=causal)
    return mixed.to(dtype)


def _is_lone_query(query: Tensor) -> bool:
    on_cpu_in_bfloat16 = query.device.type == "cpu" and query.dtype == torch.bfloat16
    return on_cpu_in_bfloat16 and query.shape[2] == 1 and not query.requires_grad


def _lone_attention(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """`attention` of one query (B, H, 1, D): torch's kernel in bfloat16 takes three times as long
    for one as for two. However many keys there are, so that padding changes nothing."""
    scores = torch.matmul(query * query.shape[-1] ** -0.5, keys.transpose(-1, -2)).float()
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = scores.softmax(-1).nan_to_num()  # where all is masked
    return torch.matmul(weights.to(values.dtype), values)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, S, H * D) -> (B, H, S, D)."""
    return x.view(*x.shape[:-1], heads, x.shape[-1] // heads).transpose(1, 2)


def scaled_cosine_attention(
    query: Tensor, memory: KeysValues, log_scale: Tensor, mask: Tensor | None
) -> Tensor:
    """Attention over the cosine of query and key times exp(log_scale), one scale per head."""
    scale = log_scale.float().clamp(max=MAX_LOG_SCALE).exp()[:, None, None]  # (H, 1, 1)
    unit_query = F.normalize(query.float(), dim=-1) * scale
    unit_keys = F.normalize(memory.keys.float(), dim=-1)
    mixed = F.scaled_dot_product_attention(
        unit_query, unit_keys, memory.values.float(), attn_mask=mask, scale=1.0
    )
    return mixed.to(query.dtype)
