"""The names and layouts of the original JAX network for the tensors of the released checkpoints.

Source: the parameter trees of the authors' flax modules. Every array has exactly one tensor, and
the whole conversion is renaming, transposing, and one window that is reversed.
"""

from __future__ import annotations

import re

from uio2_ros.model.t5x.tensors import TensorLayout

RENAMES: tuple[tuple[str, str], ...] = (
    # where a tensor belongs; flax keeps a shared ViT under its first user
    (
        r"^input_encoders_(image|audio)_history/vit_image_encoder/",
        r"input_\1_encoder/image_encoder/",
    ),
    (r"^input_(text|image|audio)_encoder/", r"input_embedders/\1/"),
    (r"^input_encoders_(image|audio)_history/", r"input_embedders/\1_history/"),
    (r"^target_encoders_(text|image|audio)/", r"target_embedders/\1/"),
    (r"/discrete_vae/", "/vqgan/"),
    # transformer and resamplers
    (r"/pre_(\w+)_layer_norm/", r"/pre_\1_norm/"),
    (r"/PerceiverResampler_0/resampler_latents$", "/perceiver/latents"),
    (r"/PerceiverResampler_0/", "/perceiver/"),
    # vision transformers
    (r"/pos_embed$", "/positional_embedding"),
    (r"/Transformer_0/ResidualAttentionBlock_(\d+)/", r"/transformer/resblocks/\1/"),
    (r"(/resblocks/\d+)/norm([12])/", r"\1/ln_\2/"),
    (r"(/resblocks/\d+)/MultiHeadDotProductAttention_0/out/", r"\1/attn/out_proj/"),
    (
        r"(/resblocks/\d+)/MultiHeadDotProductAttention_0/(query|key|value)/kernel$",
        r"\1/attn/\2_in_proj_weight",
    ),
    (
        r"(/resblocks/\d+)/MultiHeadDotProductAttention_0/(query|key|value)/bias$",
        r"\1/attn/\2_in_proj_bias",
    ),
    (r"/MLP_0/(c_fc|fc1)/", "/mlp/fc1/"),
    (r"/MLP_0/(c_proj|fc2)/", "/mlp/fc2/"),
    # ViT-VQGAN of sound
    (r"/Transformer_0/", "/transformer/"),
    (r"/LayerNormWithBias_0/", "/ln_1/"),
    (r"/LayerNormWithBias_1/", "/ln_2/"),
    (r"/MultiHeadDotProductAttention_0/", "/attn/"),
    (r"/MlpBlock_0/DenseGeneral_0/", "/mlp/fc1/"),
    (r"/MlpBlock_0/DenseGeneral_1/", "/mlp/fc2/"),
    (r"/ConvTranspose_0/", "/conv_transpose/"),
    # leaves; gains are called weight where the norms are LayerNorm or GroupNorm
    (r"/quantize/embedding$", "/quantize/embedding/weight"),
    (r"/(kernel|embedding)$", "/weight"),
    (r"(/(?:vision_transformer|vqgan)/.*)/scale$", r"\1/weight"),
)
"""Applied in order to a path below `target`, whose parts are then joined with dots."""


def official_name(path: str) -> str:
    """The official name of the array at a path such as `encoder/layers_0/mlp/wo/kernel`."""
    for pattern, replacement in RENAMES:
        path = re.sub(pattern, replacement, path)
    return path.replace("/", ".")


def layout(path: str, dimensions: int) -> TensorLayout:
    """How the array at a path lies in its tensor."""
    if not path.endswith("kernel"):
        return TensorLayout.SAME
    if dimensions == 2:
        return TensorLayout.TRANSPOSED
    return (
        TensorLayout.TRANSPOSED_CONVOLUTION
        if "/ConvTranspose_0/" in path
        else TensorLayout.CONVOLUTION
    )
