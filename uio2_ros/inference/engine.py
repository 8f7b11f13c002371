"""The engine: examples in, generations and scores out, for one model on one device."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from uio2_ros.inference.beam_search import search_beams
from uio2_ros.inference.frame_cache import FrameCache
from uio2_ros.inference.generation import (
    EngineTimings,
    Generation,
    OnToken,
    StopCondition,
    TokenRows,
    generate_tokens,
)
from uio2_ros.inference.rendering import Rendered, Renderer
from uio2_ros.inference.request import Request, check_examples, resolve
from uio2_ros.inference.sampling import Sampling
from uio2_ros.inference.vocoder import VocoderSource, make_vocoder
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.model.families.unified_io_2.inputs import HistoryFrames
from uio2_ros.model.families.unified_io_2.unified_io import Encoded, UnifiedIO
from uio2_ros.processing import Batch, Example, PatchBatch, PatchInput, Processor, Tokenizer

SYNTHETIC_TOKENIZER = Path(__file__).parents[1] / "assets" / "synthetic_tokenizer.model"
OPTIONS_AT_ONCE = 64  # answer options scored together: bounds the memory of their logits

OnCount = Callable[[int], None]
"""f(how many are done so far)."""
TokenizerSource = Tokenizer | str | os.PathLike[str]
Device = torch.device | str


class Engine:
    """Runs one model. Use it from one thread: calls share the frame cache and the device.

    Inputs that are masked are not computed: a modality that no example has and patches of padding
    cost nothing, and history frames are encoded once for each key.
    """

    def __init__(
        self,
        model: UnifiedIO,
        processor: Processor,
        *,
        name: str = "unnamed",
        synthetic_weights: bool = False,
        cached_frames: int = 64,
        vocoder: VocoderSource | None = None,
    ) -> None:
        """vocoder: None is Griffin-Lim, a file the weights of a HiFi-GAN of the user's."""
        self.model = model.eval()
        self.processor = processor
        speaker = make_vocoder(vocoder, processor.config.audio, model.device)
        self._render = Renderer(model, processor.tokenizer, speaker)
        self.name = name
        self.synthetic_weights = synthetic_weights
        self._frames = FrameCache(cached_frames)

    @staticmethod
    def from_pretrained(
        id_or_dir: str | os.PathLike[str],
        *,
        tokenizer: TokenizerSource,
        device: Device = "auto",
        dtype: torch.dtype | str = "auto",
        quantize: str | None = None,
        vocoder: VocoderSource | None = None,
        revision: str | None = None,
        token: str | None = None,
        cache_dir: str | Path | None = None,
        input_modalities: Sequence[str] | None = None,
        target_modalities: Sequence[str] | None = None,
    ) -> Engine:
        """An engine for a released checkpoint, a directory in the hub's layout or a hub id.

        tokenizer: the LLaMA SentencePiece file of the model, which its owner must supply.
        device: "auto" is CUDA where there is one, else the CPU.
        dtype: "auto" is bfloat16 on CUDA and float32 on the CPU; ViTs and VQGANs stay float32.
        vocoder: None is Griffin-Lim, a file the weights of a HiFi-GAN of the user's.
        input_modalities, target_modalities: load only what these need.
        quantize: "int8" holds the transformer's linear layers as int8, see `UnifiedIO.quantize`.

        Raises CheckpointError, TokenizerError, and ValueError for settings that are not supported.
        """
        if not isinstance(tokenizer, Tokenizer):
            tokenizer = Tokenizer(tokenizer)
        place = resolve_device(device)
        model = UnifiedIO.from_pretrained(
            id_or_dir,
            device=place,
            dtype=resolve_dtype(dtype, place),
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            input_modalities=input_modalities,
            target_modalities=target_modalities,
            quantize=quantize,
        )
        processor = Processor(model.config, tokenizer)
        return Engine(model, processor, name=str(id_or_dir), vocoder=vocoder)

    @staticmethod
    def synthetic(
        config: ModelConfig | str | Path | Mapping[str, Any] = "tiny",
        *,
        tokenizer: TokenizerSource | None = None,
        device: Device = "auto",
    ) -> Engine:
        """An engine with deterministic synthetic float32 weights: answers have no meaning.

        tokenizer: None or "" is the synthetic one that comes with the package.
        """
        if not isinstance(tokenizer, Tokenizer):
            tokenizer = Tokenizer(tokenizer or SYNTHETIC_TOKENIZER)
        model = UnifiedIO.synthetic(config).to(resolve_device(device))
        label = config if isinstance(config, str) else "custom"
        processor = Processor(model.config, tokenizer)
        return Engine(model, processor, name=f"synthetic-{label}", synthetic_weights=True)

    @property
    def tokenizer(self) -> Tokenizer:
        """Texts to ids and back."""
        return self.processor.tokenizer

    @property
    def device(self) -> torch.device:
        """Where the model runs."""
        return self.model.device

    def target_length(self, modality: str) -> int:
        """Tokens of every picture or sound, and the most of a text, its end included."""
        return self.model.target_embedder(modality).max_length

    @torch.inference_mode()
    def generate(
        self,
        examples: Sequence[Example],
        modality: str = "text",
        sampling: Sampling | None = None,
        negative: Sequence[Example] | None = None,
        stop: StopCondition | None = None,
        on_token: OnToken | None = None,
        *,
        samples: int = 1,
        on_rendered: OnCount | None = None,
    ) -> list[Generation]:
        """One generation per example, or `samples` of them, next to each other.

        modality: "text", "image" or "audio", which the prompts must ask for. Pictures and sounds
            have exactly as many tokens as the model's grid.
        sampling: None is the modality's of `inference.defaults`. For pictures that includes
            guidance away from `NEGATIVE_PROMPTS`, unless `negative` is given; depth maps, normals
            and masks have settings of their own there, without guidance.
        negative: examples to move away from, one per example or one for all, with
            `sampling.guidance_scale`; their rows come after the others in logits processors.
        stop: asked for every unfinished text after every token whether it is done.
        on_token: called after every token with tokens (B, n), without the start token; rows that
            have ended repeat the end token. An exception it raises cancels and propagates.
        samples: with a seed, sample k of an example is drawn with its seed + k.
        on_rendered: called before each row is made into a text, picture or sound, with how many
            are made already. An exception it raises cancels and propagates.

        Raises ValueError for a modality or settings that are not supported.
        """
        longest = self.target_length(modality)
        if stop is not None and modality != "text":
            raise ValueError(f"stop ends texts only: a whole {modality} has {longest} tokens")
        request = resolve(self.processor, examples, modality, sampling, negative, samples, longest)
        started = self._clock()
        encoded = self._encode([*request.examples, *request.negatives])
        encoded_at = self._clock()
        generated = self._decode(encoded, request, modality, stop, on_token)
        decoded_at = self._clock()
        rendered: list[Rendered] = []
        for row in generated.rows:
            if on_rendered is not None:
                on_rendered(len(rendered))
            rendered.append(self._render(row, modality))
        timings = EngineTimings(
            encode=encoded_at - started,
            first_token=generated.first_token_at - encoded_at,
            decode=decoded_at - encoded_at,
            render=self._clock() - decoded_at,
        )
        return [
            Generation(row, one.text, one.image, one.audio, one.spectrogram, timings)
            for row, one in zip(generated.rows, rendered, strict=True)
        ]

    def _decode(
        self,
        encoded: Encoded,
        request: Request,
        modality: str,
        stop: StopCondition | None,
        on_token: OnToken | None,
    ) -> TokenRows:
        sampling, end_id = request.sampling, self.tokenizer.end_id
        assert sampling.max_new_tokens is not None
        state = self.model.prefill(encoded, sampling.max_new_tokens, request.copies)
        if sampling.beams > 1:
            return search_beams(
                self.model, state, sampling, end_id=end_id, stop=stop, on_token=on_token
            )
        return generate_tokens(
            self.model,
            state,
            sampling,
            modality=modality,
            end_id=end_id if modality == "text" else None,
            guided=bool(request.negatives),
            stop=stop,
            on_token=on_token,
        )

    @torch.inference_mode()
    def score(
        self,
        example: Example,
        options: Sequence[str],
        reduction: str = "mean",
        on_scored: OnCount | None = None,
    ) -> npt.NDArray[np.float32]:
        """Token cross-entropy (N,) of each option as the answer; the lowest is the most probable.

        reduction: "mean" or "sum" over the tokens of an option and its end token. The inputs are
        encoded once and their keys and values are shared by all options.
        on_scored: called before each batch of options, with how many are scored already. An
            exception it raises cancels and propagates.
        """
        if reduction not in ("mean", "sum"):
            raise ValueError(f"reduction must be 'mean' or 'sum', got {reduction!r}")
        if not options or not all(options):
            raise ValueError("options to score must be texts that are not empty, at least one")
        check_examples([example], "text")
        memory = self.model.remember(self._encode([example]))
        losses = []
        for start in range(0, len(options), OPTIONS_AT_ONCE):
            if on_scored is not None:
                on_scored(start)
            targets = self._targets(options[start : start + OPTIONS_AT_ONCE])  # (N, T)
            logits = self.model.decode_targets(memory, targets)  # (N, T, V)
            losses.append(cross_entropy(logits, targets, reduction))
        return torch.cat(losses).float().cpu().numpy()

    @torch.inference_mode()
    def encode(self, example: Example) -> Encoded:
        """The encoder's output for one example; padding takes no place in it."""
        return self._encode([example])

    @property
    def family(self) -> str:
        """The family of its model, which decides what it can be asked and how."""
        return self.model.config.family

    def holds_frame(self, key: int | None) -> bool:
        """Whether an example may name this image-history frame without bringing it."""
        return key is not None and self._frames.get(key) is not None

    @torch.inference_mode()
    def precompute_frame(self, key: int, pixels: npt.NDArray[np.uint8]) -> None:
        """Encode one image-history frame, RGB (H, W, 3), for examples whose history_keys name it.

        A key always means the same pixels. The most recently used frames are kept.
        """
        if not self.holds_frame(key):
            self._frames.put(key, self._resample("image", self.processor.history_frame(pixels)))

    def _encode(self, examples: Sequence[Example]) -> Encoded:
        without = [
            replace(e, image_history=(), history_keys=(), audio_history=()) for e in examples
        ]
        batch = drop_masked(self.processor.collate(without)).to(self.device)
        inputs = self.model.embed_inputs(
            batch,
            image_history=self._history([self._image_frames(e) for e in examples]),
            audio_history=self._history([self._audio_segments(e) for e in examples]),
        )
        return self.model.encode(inputs)

    def _image_frames(self, example: Example) -> list[Tensor]:
        """The resampled frames (L, E) of an example, from the cache where they have a key."""
        keys = example.history_keys or (None,) * len(example.image_history)
        if len(keys) != len(example.image_history):
            raise ValueError(
                f"{len(keys)} history_keys do not name {len(example.image_history)} frames"
            )
        return [
            self._image_frame(key, frame)
            for key, frame in zip(keys, example.image_history, strict=True)
        ]

    def _image_frame(self, key: int | None, frame: PatchInput | None) -> Tensor:
        held = None if key is None else self._frames.get(key)
        if held is not None:
            return held
        if frame is None:
            raise ValueError(f"no image-history frame is held under key {key}: give its pixels")
        latents = self._resample("image", frame)
        if key is not None:
            self._frames.put(key, latents)
        return latents

    def _audio_segments(self, example: Example) -> list[Tensor]:
        heard = (segment for segment in example.audio_history if segment.mask.any())
        return [self._resample("audio", segment) for segment in heard]

    def _resample(self, modality: str, frame: PatchInput) -> Tensor:
        """One frame or segment alone, so that its latents (L, E) depend on nothing else."""
        there = frame.mask
        chosen = (frame.patches[there], frame.mask[there], frame.positions[there])
        patches, mask, positions = (torch.from_numpy(a)[None].to(self.device) for a in chosen)
        batch = PatchBatch(patches, mask, positions.long(), encoded=frame.encoded)
        return self.model.encode_history(modality, batch)[0]

    def _history(self, rows: Sequence[Sequence[Tensor]]) -> HistoryFrames | None:
        """Frames of every example, right-padded; None when no example has one."""
        longest = max(len(row) for row in rows)
        if longest == 0:
            return None
        first = next(row[0] for row in rows if row)
        latents = first.new_zeros(len(rows), longest, *first.shape)  # (B, F, L, E)
        for index, row in enumerate(rows):
            if row:
                latents[index, : len(row)] = torch.stack(list(row))
        counts = torch.tensor([len(row) for row in rows])
        mask = torch.arange(longest) < counts[:, None]
        return HistoryFrames(latents, mask.to(self.device))

    def _targets(self, options: Sequence[str]) -> Tensor:
        """Options as right-padded ids (N, T) that end with the end token."""
        ids = [torch.tensor([*self.tokenizer.encode(o), self.tokenizer.end_id]) for o in options]
        return torch.nn.utils.rnn.pad_sequence(ids, batch_first=True).to(self.device)

    def _clock(self) -> float:
        """Seconds, after the device has finished."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def cross_entropy(logits: Tensor, targets: Tensor, reduction: str) -> Tensor:
    """(N,) of logits (N, T, V) for right-padded targets (N, T), padding left out."""
    mask = targets > 0
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    total = (losses.view_as(targets) * mask).sum(-1)
    return total / mask.sum(-1) if reduction == "mean" else total


def drop_masked(batch: Batch) -> Batch:
    """The batch without patches that are padding in every example, nor inputs of nothing else."""
    image, audio = _drop_masked_patches(batch.image), _drop_masked_patches(batch.audio)
    return replace(batch, image=image, audio=audio)


def _drop_masked_patches(inputs: PatchBatch | None) -> PatchBatch | None:
    if inputs is None:
        return None
    longest = int(inputs.mask.sum(-1).max())
    if longest == 0:
        return None
    order = inputs.mask.int().argsort(dim=-1, descending=True, stable=True)[:, :longest]
    return replace(
        inputs,
        patches=inputs.patches.take_along_dim(order[..., None], dim=1),
        mask=inputs.mask.gather(1, order),
        positions=inputs.positions.gather(1, order),
    )


def resolve_device(device: Device) -> torch.device:
    """ "auto" is CUDA where there is one, else the CPU.

    ValueError for a CUDA device that this PyTorch does not see.
    """
    if device != "auto":
        place = torch.device(device)
        if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
            raise ValueError(
                f"device is {device} but this PyTorch ({torch.__version__}) sees "
                f"{torch.cuda.device_count()} CUDA devices; install a PyTorch with CUDA and the "
                "driver of the graphics card, or give device auto or cpu"
            )
        return place
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def resolve_dtype(dtype: torch.dtype | str, device: torch.device) -> torch.dtype:
    """ "auto" is bfloat16 on CUDA and float32 elsewhere; names are those of torch."""
    if isinstance(dtype, torch.dtype):
        return dtype
    names = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if dtype == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    if dtype not in names:
        raise ValueError(f"dtype must be auto, {', '.join(names)} or a torch dtype, got {dtype!r}")
    return names[dtype]
