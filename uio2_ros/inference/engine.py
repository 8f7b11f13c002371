"""The engine: examples in, generations and scores out, for one model on one device."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from uio2_ros.inference.beam_search import search_beams
from uio2_ros.inference.devices import (
    ALL_BFLOAT16,
    Device,
    resolve_device,
    resolve_dtype,
    small_layers_are_faster_in_bfloat16,
)
from uio2_ros.inference.families import family, family_named_by, family_of
from uio2_ros.inference.family import (
    Encoding,
    ExampleProcessor,
    LoadOptions,
    Network,
    PackingNetwork,
    StaticNetwork,
    TextTokenizer,
    TokenizerSource,
)
from uio2_ros.inference.generation import (
    EngineTimings,
    Generation,
    OnToken,
    StopCondition,
    TokenSequences,
    generate_tokens,
)
from uio2_ros.inference.generation_inputs import GenerationInputs, check_examples, resolve
from uio2_ros.inference.graphed_passes import GraphedPasses, SharedPasses
from uio2_ros.inference.graphed_steps import GraphedSteps, StepDecoder
from uio2_ros.inference.graphs import Graphs
from uio2_ros.inference.rendering import Rendered, Renderer
from uio2_ros.inference.sampling import Sampling
from uio2_ros.inference.scoring import (
    OPTIONS_AT_ONCE,
    check_options,
    cross_entropy,
    option_targets,
)
from uio2_ros.inference.texts import ConcurrentTexts
from uio2_ros.inference.vocoder import VocoderSource, make_vocoder
from uio2_ros.model.bundle import BUNDLE_FILE, CARD_FILE, TOKENIZER_FILE, Bundle, TrainedFor
from uio2_ros.model.checkpoint import locate
from uio2_ros.processing import Example
from uio2_ros.robot.errors import TokenizerError

CUDA_GRAPHS = ("auto", "off")
LEAST_ROWS = 2
"""Of generations that there is room for: a picture that is guided is two."""
OnCount = Callable[[int], None]
"""f(how many are done so far)."""


class Engine:
    """Runs one model of any family. Use it from one thread: calls share frames and the device."""

    def __init__(
        self,
        model: Network,
        processor: ExampleProcessor,
        *,
        name: str = "unnamed",
        synthetic_weights: bool = False,
        cached_frames: int = 64,
        vocoder: VocoderSource | None = None,
        bundle: Bundle | None = None,
        graphs: Graphs | None = None,
    ) -> None:
        """vocoder: None is Griffin-Lim, a file the weights of a HiFi-GAN of the user's.

        graphs: runs what has a form of static shape; None runs all of it as large as it must be.
        """
        model.eval()
        self.model = model
        self.processor = processor
        self.name = name
        self.synthetic_weights = synthetic_weights
        self.bundle = bundle
        speaker = None
        if "audio" in model.writes:
            speaker = make_vocoder(vocoder, processor.config.audio, model.device)
        self._render = Renderer(model, processor.tokenizer, speaker)
        self._encoder = family(model.family).example_encoder(
            model, processor, cached_frames=cached_frames, graphs=graphs
        )
        self.graphs = graphs
        self._graphed: SharedPasses | None = None

    @staticmethod
    def from_pretrained(
        id_or_dir: str | os.PathLike[str],
        *,
        tokenizer: TokenizerSource | None = None,
        device: Device = "auto",
        dtype: torch.dtype | str = "auto",
        quantize: str | None = None,
        vocoder: VocoderSource | None = None,
        revision: str | None = None,
        token: str | None = None,
        cache_dir: str | Path | None = None,
        input_modalities: Sequence[str] | None = None,
        target_modalities: Sequence[str] | None = None,
        cuda_graphs: str = "auto",
    ) -> Engine:
        """An engine for a bundle or checkpoint: a directory, a shipped bundle or a hub id.

        tokenizer: the SentencePiece file of the model; None is that of the bundle. The released
            checkpoints have none: LLaMA's is that of Unified-IO 2, T5's that of Unified-IO 1.
        device: "auto" is CUDA where there is one, else the CPU.
        dtype: "auto" is bfloat16 on CUDA, and on a CPU for large models where it measures faster;
            ViTs and VQGANs stay float32, but for ViTs and the encoder of a bundle that says it was
            trained in bfloat16, where "auto" measures that to be faster. "all-bfloat16" has ViTs
            in bfloat16, too.
        vocoder: None is Griffin-Lim, a file the weights of a HiFi-GAN of the user's.
        input_modalities, target_modalities: load only what these need.
        cuda_graphs: "auto" runs encoders and decoder as CUDA graphs where there is CUDA, "off"
            kernel by kernel.
        quantize: "int8" holds the transformer's linear layers as int8, see `UnifiedIO.quantize`.

        Raises CheckpointError, TokenizerError, and ValueError for settings that are not supported.
        """
        place = resolve_device(device)
        options = LoadOptions(place, None, quantize, input_modalities, target_modalities)
        files = locate(id_or_dir, revision=revision, token=token, cache_dir=cache_dir)
        kind = family_of(files)
        given: TokenizerSource | None = tokenizer or files.tokenizer
        if given is None:
            raise TokenizerError(
                f"model {id_or_dir} has no tokenizer; give the one that it was trained with, "
                f"{kind.trained_tokenizer}"
            )
        exact_enough = resolve_dtype(dtype, place, files.weight_bytes)
        model = kind.load(files, replace(options, dtype=exact_enough))
        trained_low = files.bundle is not None and files.bundle.trained_in == "bfloat16"
        cast = dtype == "auto" and trained_low and small_layers_are_faster_in_bfloat16(place)
        if cast or dtype == ALL_BFLOAT16:
            kind.cast_encoders(model, torch.bfloat16)
        if isinstance(model, PackingNetwork):
            model.pack()
        processor = kind.processor(model, given, own=not tokenizer and not files.is_jax)
        return Engine(
            model,
            processor,
            name=str(id_or_dir),
            vocoder=vocoder,
            bundle=files.bundle,
            graphs=graphs_for(cuda_graphs, place),
        )

    @staticmethod
    def synthetic(
        config: Any = "tiny",
        *,
        tokenizer: TokenizerSource | None = None,
        device: Device = "auto",
        family_name: str | None = None,
        cuda_graphs: str = "auto",
    ) -> Engine:
        """An engine with deterministic synthetic float32 weights: answers have no meaning.

        config: a configuration of the family, or what names one: tiny, large, uio1-small, ...
        family_name: None is that of the name.
        tokenizer: None or "" is the synthetic one that comes with the package.
        """
        kind = family_named_by(config) if family_name is None else family(family_name)
        place = resolve_device(device)
        model = kind.synthetic(config, place)
        processor = kind.processor(model, tokenizer or kind.synthetic_tokenizer)
        label = config if isinstance(config, str) else "custom"
        return Engine(
            model,
            processor,
            name=f"synthetic-{label}",
            synthetic_weights=True,
            graphs=graphs_for(cuda_graphs, place),
        )

    def save_bundle(
        self,
        directory: str | os.PathLike[str],
        trained_for: TrainedFor,
        *,
        description: str,
        licence: str,
        scores: Mapping[str, float] | None = None,
        card: str = "",
    ) -> None:
        """Write the model, its tokenizer and what it was trained for as a bundle.

        card: the text of `card.md`; "" is made of the description. ValueError for a quantised
        model.
        """
        folder = Path(directory).expanduser()
        self.model.save_pretrained(folder)
        shutil.copyfile(self.tokenizer.path, folder / TOKENIZER_FILE)
        (folder / CARD_FILE).write_text(card or f"# {folder.name}\n\n{description}\n", "utf-8")
        bundle = Bundle(
            self.model.family, description, licence, trained_for, scores=dict(scores or {})
        )
        bundle.save(folder / BUNDLE_FILE)

    @property
    def trained_for(self) -> TrainedFor | None:
        """Tasks, action spaces and cameras the model was trained for; None where nobody said."""
        return None if self.bundle is None else self.bundle.trained_for

    @property
    def tokenizer(self) -> TextTokenizer:
        """Texts to ids and back."""
        return self.processor.tokenizer

    @property
    def device(self) -> torch.device:
        """Where the model runs."""
        return self.model.device

    @property
    def decoder(self) -> StepDecoder:
        """What generations are decoded with: the model, or graphs of it."""
        shared = self._shared_passes()
        return self.model if shared is None else GraphedSteps(self.model, shared)

    def target_length(self, modality: str) -> int:
        """Tokens of every picture or sound, and the most of a text, its end included."""
        return self.model.target_length(modality)

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
        sampling: None is the modality's of its family's `defaults`. For pictures that includes
            guidance away from its negative prompt, unless `negative` is given; depth maps,
            normals and masks have settings of their own in `inference.defaults`, without guidance.
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
        defaults = family(self.model.family).defaults
        inputs = resolve(
            self.processor, defaults, examples, modality, sampling, negative, samples, longest
        )
        started = self._clock()
        encoded = self._encoder.encode([*inputs.examples, *inputs.negatives])
        encoded_at = self._clock()
        generated = self._decode(encoded, inputs, modality, stop, on_token)
        decoded_at = self._clock()
        rendered = list(self._rendered(generated.sequences, modality, on_rendered))
        timings = EngineTimings(
            encode=encoded_at - started,
            first_token=generated.first_token_at - encoded_at,
            decode=decoded_at - encoded_at,
            render=self._clock() - decoded_at,
        )
        return [
            Generation(row, one.text, one.image, one.audio, one.spectrogram, timings)
            for row, one in zip(generated.sequences, rendered, strict=True)
        ]

    def _rendered(
        self, rows: Sequence[list[int]], modality: str, on_rendered: OnCount | None
    ) -> Iterator[Rendered]:
        for count, row in enumerate(rows):
            if on_rendered is not None:
                on_rendered(count)
            yield self._render(row, modality)

    def _decode(
        self,
        encoded: Encoding,
        inputs: GenerationInputs,
        modality: str,
        stop: StopCondition | None,
        on_token: OnToken | None,
    ) -> TokenSequences:
        sampling, end_id = inputs.sampling, self.tokenizer.end_id
        assert sampling.max_new_tokens is not None
        decoder = self.decoder
        state = decoder.prefill(encoded, sampling.max_new_tokens, inputs.copies, modality)
        if sampling.beams > 1:
            return search_beams(
                decoder, state, sampling, end_id=end_id, stop=stop, on_token=on_token
            )
        return generate_tokens(
            decoder,
            state,
            sampling,
            modality=modality,
            end_id=end_id if modality == "text" else None,
            guided=bool(inputs.negatives),
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
        check_options(options)
        check_examples([example], "text")
        memory = self.model.remember(self._encoder.encode([example]))
        losses = []
        for start in range(0, len(options), OPTIONS_AT_ONCE):
            if on_scored is not None:
                on_scored(start)
            some = options[start : start + OPTIONS_AT_ONCE]
            targets = option_targets(self.tokenizer, some).to(self.device)  # (N, T)
            logits = self.model.decode_targets(memory, targets)  # (N, T, V)
            losses.append(cross_entropy(logits, targets, reduction))
        return torch.cat(losses).float().cpu().numpy()

    @torch.inference_mode()
    def encode(self, *examples: Example) -> Encoding:
        """The encoder's output for examples, one at least; what pads all takes no place in it."""
        return self._encoder.encode(examples)

    def forget(self) -> None:
        """Keep nothing that was encoded before: the next input is as if it were the first."""
        self._encoder.forget()

    def texts(self) -> ConcurrentTexts:
        """Texts written together, each within a grammar of its own; none under way yet."""
        return ConcurrentTexts(self.model, self._shared_passes())

    def _shared_passes(self, rows: int = 1) -> SharedPasses | None:
        """Passes as graphs with room for rows at first; None without graphs, and for networks
        whose decoder has no static step."""
        if self.graphs is None or not isinstance(self.model, StaticNetwork):
            return None
        if self._graphed is None:
            static = self.model.static_rows(max(rows, LEAST_ROWS))
            self._graphed = SharedPasses(GraphedPasses(static, self.graphs, self.tokenizer))
        return self._graphed

    @torch.inference_mode()
    def capture(self, rows: int = 1) -> None:
        """Make all CUDA graphs that inputs, and texts for up to so many of them at once, need.

        What is not made here is made when it is first needed, which takes a moment then. Nothing
        where there are none.
        """
        shared = self._shared_passes(rows)
        if shared is not None:
            shared.passes.capture(rows)
        self._encoder.capture()

    @property
    def family(self) -> str:
        """The family of its model, which decides what it can be asked and how."""
        return self.model.family

    def holds_frame(self, key: int | None) -> bool:
        """Whether an example may name this image-history frame without bringing it."""
        return self._encoder.holds_frame(key)

    @torch.inference_mode()
    def precompute_frame(self, key: int, pixels: npt.NDArray[np.uint8]) -> None:
        """Encode one image-history frame, RGB (H, W, 3), for examples whose history_keys name it.

        A key always means the same pixels. The most recently used frames are kept.
        """
        self._encoder.precompute_frame(key, pixels)

    @torch.inference_mode()
    def precompute_segment(self, samples: npt.NDArray[np.float32], rate: int = 16000) -> None:
        """Encode one segment of sound, mono (n,) in [-1, 1], for examples whose history has it.

        It is found by what it holds, among the most recently used frames and segments.
        """
        self._encoder.precompute_segment(samples, rate)

    def _clock(self) -> float:
        """Seconds, after the device has finished."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def graphs_for(cuda_graphs: str, device: torch.device) -> Graphs | None:
    """What the setting asks for on a device; ValueError for what it is not."""
    if cuda_graphs not in CUDA_GRAPHS:
        raise ValueError(f"cuda_graphs must be {' or '.join(CUDA_GRAPHS)}, got {cuda_graphs!r}")
    return Graphs(device) if cuda_graphs == "auto" and device.type == "cuda" else None
