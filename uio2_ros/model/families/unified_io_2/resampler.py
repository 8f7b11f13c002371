"""The perceiver resampler: learned latents that read the features of one frame or segment."""

from __future__ import annotations

from torch import Tensor, nn

from uio2_ros.model.families.unified_io_2.config import ResamplerConfig
from uio2_ros.model.families.unified_io_2.layers import Attention, RMSNorm, normal_parameter


class ResamplerMLP(nn.Module):
    def __init__(self, config: ResamplerConfig) -> None:
        super().__init__()
        self.wi = nn.Linear(config.emb_dim, config.mlp_dim, bias=False)
        self.gelu = nn.GELU(approximate="none" if config.gelu == "exact" else "tanh")
        self.wo = nn.Linear(config.mlp_dim, config.emb_dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.wo(self.gelu(self.wi(x)))  # type: ignore[no-any-return]


class CrossAttentionBlock(nn.Module):
    """Latents attend to the context, then an MLP."""

    def __init__(self, config: ResamplerConfig) -> None:
        super().__init__()
        self.pre_xattention_norm = RMSNorm(config.emb_dim)
        self.xattention = Attention(
            config.emb_dim,
            config.num_heads,
            qk_norm=config.xattn_qk_norm,
            scaled_cosine=config.xattn_scaled_cosine,
        )
        self.pre_mlp_norm = RMSNorm(config.emb_dim)
        self.mlp = ResamplerMLP(config)

    def forward(self, latents: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        query = self.xattention.project_query(self.pre_xattention_norm(latents))
        memory = self.xattention.project_keys_values(context)
        latents = latents + self.xattention.attend(query, memory, mask)
        return latents + self.mlp(self.pre_mlp_norm(latents))  # type: ignore[no-any-return]


class SelfAttentionBlock(nn.Module):
    """Latents attend to each other, then an MLP."""

    def __init__(self, config: ResamplerConfig) -> None:
        super().__init__()
        self.pre_attention_norm = RMSNorm(config.emb_dim)
        self.attention = Attention(
            config.emb_dim,
            config.num_heads,
            qk_norm=config.attn_qk_norm,
            scaled_cosine=config.attn_scaled_cosine,
        )
        self.pre_mlp_norm = RMSNorm(config.emb_dim)
        self.mlp = ResamplerMLP(config)

    def forward(self, latents: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        del context, mask
        x = self.pre_attention_norm(latents)
        query, memory = self.attention.project_query(x), self.attention.project_keys_values(x)
        latents = latents + self.attention.attend(query, memory)
        return latents + self.mlp(self.pre_mlp_norm(latents))  # type: ignore[no-any-return]


class PerceiverResampler(nn.Module):
    """Features (B, P, E) of any number of patches -> latents (B, L, E)."""

    def __init__(self, config: ResamplerConfig) -> None:
        super().__init__()
        self.latents = normal_parameter(config.latents_size, config.emb_dim)
        self.context_norm = RMSNorm(config.emb_dim)
        self.perceiver_norm = RMSNorm(config.emb_dim)
        self.layers = nn.ModuleList(
            (CrossAttentionBlock if layer in config.xattention_index else SelfAttentionBlock)(
                config
            )
            for layer in range(config.num_layers)
        )

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """`mask` (B, P) is true for patches that are there: at least one of every row."""
        context = self.context_norm(features)
        latents = self.latents.expand(len(features), -1, -1)  # (B, L, E)
        for layer in self.layers:
            latents = layer(latents, context, mask[:, None, None])
        return self.perceiver_norm(latents)  # type: ignore[no-any-return]
