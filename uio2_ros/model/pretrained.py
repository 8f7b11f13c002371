"""What the networks of all families do with weights: load, save, cast and quantise them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from uio2_ros.model.checkpoint import CheckpointFiles
from uio2_ros.model.config_file import CONFIG_FILE
from uio2_ros.model.packing import is_worth, pack_linears, packed, packed_product, unpack_linears
from uio2_ros.model.products import product
from uio2_ros.model.quantization import check_quantization, quantize_linears
from uio2_ros.model.skeleton import without_weights
from uio2_ros.model.synthetic import synthetic_state_dict
from uio2_ros.model.weights import check_state_dict, read_state_dict, write_safetensors
from uio2_ros.robot.errors import CheckpointError

if TYPE_CHECKING:
    from typing_extensions import Self

SHARD_BYTES = 5 * 10**9


class Config(Protocol):
    """The configuration of a network."""

    def save(self, path: Path, /) -> None:
        """Write `config.json`."""


class PretrainedModel(nn.Module):
    """A network with weights that have official names and are float32 until loaded or cast.

    A family derives its network from this and says how its configuration is read (`read_config`),
    what its tensors are called (`official_name`), which of them keep a dtype of their own
    (`dtype_of`), which parts have linear layers to quantise (`quantized_parts`) or to pack
    (`many_row_parts`, `few_row_parts`), and how what JAX wrote is read (`from_jax`).
    """

    quantized_parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config: Any = config
        self.quantization: str | None = None
        self._packed_tables: dict[str, Tensor] = {}

    # ---- making ----

    @staticmethod
    def read_config(source: Any) -> Config:
        """The configuration that `source` is or names; ValueError or OSError for none."""
        raise NotImplementedError

    @classmethod
    def from_config(cls, config: Any) -> Self:
        """A model with random weights; `config` as for the `load` of its configuration."""
        return cls(cls.read_config(config))

    @classmethod
    def synthetic(cls, config: Any = "tiny") -> Self:
        """A model with the deterministic weights of `model.synthetic`, ready for inference."""
        with without_weights():
            model = cls.from_config(config)
        model.load_official_state_dict(synthetic_state_dict(model.official_shapes()))
        return model.eval()

    @classmethod
    def from_files(
        cls,
        files: CheckpointFiles,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
        quantize: str | None = None,
    ) -> Self:
        """From files that were located. Raises CheckpointError, ValueError for a `quantize`."""
        check_quantization(quantize)
        with without_weights():
            model, state = cls.unloaded(files)
        model.take_over(state, device, dtype, quantize)
        return model.eval()

    @classmethod
    def unloaded(cls, files: CheckpointFiles) -> tuple[Self, Mapping[str, Tensor]]:
        """A network without weights, and those it will have, which were checked."""
        if files.is_jax:
            return cls.from_jax(files)
        assert files.config is not None
        model = cls(cls.usable_config(files.config))
        state = read_state_dict(files.weights)
        check_state_dict(state, model.official_shapes())
        return model, state

    @classmethod
    def from_jax(cls, files: CheckpointFiles) -> tuple[Self, Mapping[str, Tensor]]:
        """As `unloaded`, of what a JAX program wrote."""
        raise NotImplementedError

    @classmethod
    def usable_config(cls, source: Any) -> Any:
        """As `read_config`; CheckpointError, naming the source, for an unusable one."""
        try:
            return cls.read_config(source)
        except (ValueError, OSError) as error:
            raise CheckpointError(f"{source} is no usable configuration: {error}") from error

    # ---- names and places ----

    @staticmethod
    def official_name(name: str) -> str:
        """The name in checkpoints of the tensor that the network calls `name`."""
        return name

    @staticmethod
    def dtype_of(name: str, dtype: torch.dtype) -> torch.dtype:
        """The dtype of the parameter `name` in a model cast to `dtype`."""
        del name
        return dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """That of the transformer; other parts may differ."""
        return next(self.parameters()).dtype

    # ---- names ----

    def official_state_dict(self) -> dict[str, Tensor]:
        """Every tensor under the name it has in the released checkpoints.

        ValueError for a quantised model, whose tensors have no such names.
        """
        self._check_official()
        return {self.official_name(name): tensor for name, tensor in self.state_dict().items()}

    def official_shapes(self) -> dict[str, tuple[int, ...]]:
        """Official name -> shape, what a checkpoint must hold."""
        self._check_official()
        shapes = {name: tuple(tensor.shape) for name, tensor in self.state_dict().items()}
        return {self.official_name(name): shape for name, shape in shapes.items()}

    def _check_official(self) -> None:
        if self.quantization is not None:
            raise ValueError(
                f"the model is quantised to {self.quantization}: save or load weights before that"
            )

    # ---- loading and saving ----

    def save_pretrained(
        self, directory: str | os.PathLike[str], *, max_shard_bytes: int = SHARD_BYTES
    ) -> None:
        """Write `config.json` and safetensors, the hub's layout.

        Weights of more than `max_shard_bytes` are written as shards of at most that, with an
        index. Raises ValueError for a limit below 1 and for a quantised model.
        """
        state = self.official_state_dict()
        folder = Path(directory).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        self.config.save(folder / CONFIG_FILE)
        write_safetensors(state, folder, max_shard_bytes)

    def load_official_state_dict(
        self,
        state: Mapping[str, Tensor],
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        """Take over the tensors of a checkpoint (no copy where device and dtype already fit).

        CheckpointError lists tensors that are unknown, missing or mis-shaped; then nothing is
        loaded.
        """
        self.unpack()
        check_state_dict(state, self.official_shapes())
        self.take_over(state, device, dtype)

    def take_over(
        self,
        state: Mapping[str, Tensor],
        device: torch.device | str | None,
        dtype: torch.dtype | None,
        quantize: str | None = None,
    ) -> None:
        """Make the tensors of a checkpoint that was checked the parameters, cast and quantised.

        They are moved one by one, so that memory never holds the weights twice; those that no
        parameter needs are not looked at.
        """
        if quantize is None:
            self._place(state, device, dtype)
        else:
            self._place(state, "cpu", None)
            self.quantize(quantize)
            self._leave_file(dtype)
            self.to(device)

    def _place(
        self,
        state: Mapping[str, Tensor],
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        current = None if self.device.type == "meta" else self.device
        target = torch.device(device) if device is not None else current
        for path, module in self.named_modules():
            for leaf, parameter in module.named_parameters(recurse=False):
                name = f"{path}.{leaf}" if path else leaf
                wanted = None if dtype is None else self.dtype_of(name, dtype)
                placed = state[self.official_name(name)].to(target).to(wanted)
                setattr(module, leaf, nn.Parameter(placed, parameter.requires_grad))
        if target is not None and any(buffer.device != target for buffer in self.buffers()):
            self.to(target)

    def _leave_file(self, dtype: torch.dtype | None) -> None:
        """Cast the parameters, or copy them, so that no page is a file's."""
        for name, parameter in self.named_parameters():
            wanted = parameter.dtype if dtype is None else self.dtype_of(name, dtype)
            parameter.data = parameter.data.to(wanted, copy=True)

    # ---- products ----

    @property
    def writes(self) -> tuple[str, ...]:
        """The target modalities."""
        raise NotImplementedError

    def output_table(self, modality: str) -> Tensor:
        """The rows (V, E) that logits of a target modality are products with."""
        raise NotImplementedError

    def many_row_parts(self) -> Iterable[nn.Module]:
        """What reads whole inputs."""
        raise NotImplementedError

    def few_row_parts(self) -> Iterable[nn.Module]:
        """What reads token by token."""
        raise NotImplementedError

    def pack(self) -> Self:
        """Lay the weights out for inference on this CPU, in place, where that is faster.

        To be done last. Output tables are embeddings, too, and then there twice.
        """
        if self.device.type == "cpu":
            pack_linears(self.many_row_parts(), few_rows=False)
            pack_linears(self.few_row_parts(), few_rows=True)
            tables = {name: self.output_table(name).detach() for name in self.writes}
            self._packed_tables = {n: packed(one) for n, one in tables.items() if is_worth(one)}
        return self

    def unpack(self) -> Self:
        """Hold plain weights again, as whatever changes them needs."""
        unpack_linears(self)
        self._packed_tables.clear()
        return self

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles, which packed tables cannot be in."""
        return {**self.__dict__, "_packed_tables": {}}

    def times_output_table(self, x: Tensor, modality: str) -> Tensor:
        """x (..., E) -> (..., V)."""
        table = self._packed_tables.get(modality)
        return (
            product(x, self.output_table(modality)) if table is None else packed_product(x, table)
        )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self.unpack()
        return super()._apply(fn, recurse)  # type: ignore[no-any-return, no-untyped-call]

    # ---- dtypes ----

    def to_dtype(self, dtype: torch.dtype) -> Self:
        """Cast the weights in place, all but those with a dtype of their own (`dtype_of`).

        `.to(dtype)` would cast what is computed from positions as well. Raises ValueError for a
        dtype that is not floating-point.
        """
        return self._cast(lambda name: self.dtype_of(name, dtype))

    def _cast(self, dtype_of: Callable[[str], torch.dtype]) -> Self:
        self.unpack()
        for name, parameter in self.named_parameters():
            wanted = dtype_of(name)
            if not wanted.is_floating_point:
                raise ValueError(f"weights cannot be {wanted}: give floating-point dtypes")
            parameter.data = parameter.data.to(wanted)
        return self

    def quantize(self, kind: str) -> Self:
        """Hold the linear layers of the transformer as "int8", in place, for inference.

        They take a quarter of their float32 memory and are computed in the dtype of what they
        read. Raises ValueError for another kind and for a model that is quantised already.
        """
        check_quantization(kind)
        if self.quantization is not None:
            raise ValueError(f"the model is quantised to {self.quantization} already")
        self.unpack()
        for part in self.quantized_parts:
            quantize_linears(self.get_submodule(part))
        self.quantization = kind
        return self
