"""`./uio2 bench model`: how fast one instruction is answered, against what the device can do.

The instruction is that of issue and README: a prompt of 17 tokens, a picture of 640 x 480, 4 older
frames, 5 segments of sound and an answer of 32 tokens, on the weights that are named or synthetic
ones of a size. Ceilings are measured in the same run: the fastest matrix product in each dtype, and
the speed at which memory is read. `history` are the older frames and segments of sound, which a
robot encodes when they arrive; `on arrival` is an instruction without them. `history` and `encode`
are held against the products of their linear layers, `token` against reading the weights of the
decoder once. Forms other than float32 say how far their logits are from float32's on the same
tokens, and where the first other token would be chosen.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uio2_ros.cli.measurement import add_torch_options, bench_parser, save
from uio2_ros.cli.options import at_least_one
from uio2_ros.inference import Engine
from uio2_ros.inference.devices import ALL_BFLOAT16
from uio2_ros.inference.engine import CUDA_GRAPHS, graphs_for
from uio2_ros.inference.families import family, sizes
from uio2_ros.model.packing import PackedLinear
from uio2_ros.model.quantization import QuantizedLinear
from uio2_ros.processing import Example

PROMPT = "What should the robot do next to put the red cup on the tray?"
PICTURE = (480, 640)  # height, width
SEGMENT_SAMPLES = 65280  # 4.08 s at 16 kHz
FORMS: Mapping[str, tuple[str, str | None]] = {
    "float32": ("float32", None),
    "bfloat16": ("bfloat16", None),
    "all-bfloat16": (ALL_BFLOAT16, None),
    "int8": ("bfloat16", "int8"),
    "all-int8": (ALL_BFLOAT16, "int8"),
}
"""dtype and quantize of each; `all`: the ViTs are bfloat16, too."""
WIDTH = 4096  # of the square products and of the rows that are read: far beyond the caches
READ_BYTES = 512 * 2**20
LAYERS = (nn.Linear, PackedLinear, QuantizedLinear)


@dataclass(frozen=True)
class Ceiling:
    """What the device can do, measured: multiply-adds count as two operations."""

    flops: Mapping[str, float]  # by dtype, per second
    bytes_per_s: float


@dataclass(frozen=True)
class StageTimes:
    """Seconds of a stage over its repeats, and the seconds it would take at its ceiling."""

    p50: float
    p95: float
    floor: float | None = None

    @property
    def share(self) -> float | None:
        """Of its ceiling that the median reaches."""
        return None if self.floor is None else self.floor / self.p50


@dataclass(frozen=True)
class Run:
    """One form of one model."""

    model: str
    form: str
    modality: str
    stages: Mapping[str, StageTimes]
    tokens_per_s: float
    logit_error: float | None = None
    """Of float32's logits on the same tokens, root mean square relative to their deviation."""
    first_divergence: int | None = None
    """The first token that would be another than float32's; None where all are the same."""


@dataclass(frozen=True)
class Report:
    """What is written as JSON."""

    commit: str
    torch: str
    device: str
    threads: int
    ceiling: Ceiling
    runs: list[Run] = field(default_factory=list)


# ---- ceilings ----


@dataclass(frozen=True)
class Clock:
    """Seconds on a device: by the wall, or those that processors worked for this process."""

    device: torch.device
    now: Callable[[], float] = time.perf_counter

    def seconds(self, run: Callable[[], Any]) -> tuple[float, Any]:
        """What a call takes, and gives."""
        self._wait()
        started = self.now()
        result = run()
        self._wait()
        return self.now() - started, result

    def best(self, run: Callable[[], Any], rounds: int = 5) -> float:
        """Of a few rounds: other work on the machine makes them slower, never faster."""
        run()
        return min(self.seconds(run)[0] for _ in range(rounds))

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def clock_for(device: torch.device, asked: argparse.Namespace) -> Clock:
    """As `add_torch_options` says, after torch has the threads asked for."""
    if asked.threads:
        torch.set_num_threads(asked.threads)
    return Clock(device, time.process_time if asked.processor_time else time.perf_counter)


def measure_ceiling(clock: Clock) -> Ceiling:
    """Products and reading at their fastest."""
    flops = {name: _products(clock, getattr(torch, name)) for name in ("float32", "bfloat16")}
    flops["int8"] = max(flops["bfloat16"], _integer_products(clock))
    memory = torch.ones(READ_BYTES // 4, device=clock.device)
    return Ceiling(flops, READ_BYTES / clock.best(memory.sum))


def _products(clock: Clock, dtype: torch.dtype) -> float:
    rows = torch.ones(512, WIDTH, device=clock.device, dtype=dtype)
    weight = torch.ones(WIDTH, WIDTH, device=clock.device, dtype=dtype)
    return 2 * 512 * WIDTH**2 / clock.best(lambda: F.linear(rows, weight))


def _integer_products(clock: Clock) -> float:
    rows = torch.ones(512, WIDTH, device=clock.device, dtype=torch.int8)
    weight = torch.ones(WIDTH, WIDTH, device=clock.device, dtype=torch.int8)
    return 2 * 512 * WIDTH**2 / clock.best(lambda: torch._int_mm(rows, weight))


# ---- models ----


def load(model: str, form: str, device: str, cuda_graphs: str) -> Engine:
    """The engine of a checkpoint or bundle in a form, or of a size with synthetic weights."""
    dtype, quantize = FORMS[form]
    if model in sizes():
        return _synthetic(model, dtype, quantize, device, cuda_graphs)
    return Engine.from_pretrained(
        model, device=device, dtype=dtype, quantize=quantize, cuda_graphs=cuda_graphs
    )


def _synthetic(
    model: str, dtype: str, quantize: str | None, device: str, cuda_graphs: str
) -> Engine:
    engine = Engine.synthetic(model, device="cpu")
    network: Any = engine.model
    if quantize is not None:
        network.quantize(quantize)
    if dtype != "float32":
        network.to_dtype(torch.bfloat16)
    if dtype == ALL_BFLOAT16:
        family(network.family).cast_encoders(network, torch.bfloat16)
    network.to(device)
    network.pack()
    graphs = graphs_for(cuda_graphs, network.device)
    return Engine(
        network, engine.processor, name=engine.name, synthetic_weights=True, graphs=graphs
    )


@dataclass(frozen=True)
class TimedQuestion:
    """An example, the pixels (H, W, 3) of its older frames by their keys, and its older sound."""

    example: Example
    frames: Mapping[int, npt.NDArray[np.uint8]]
    segments: Sequence[npt.NDArray[np.float32]]


def instruction(engine: Engine, frames: int, segments: int, modality: str) -> TimedQuestion:
    """What is asked, of what its model reads."""
    reads = getattr(engine.processor, "reads", ("text",))
    pixels = np.random.default_rng(0).integers(0, 256, (frames + 1, *PICTURE, 3), np.uint8)
    sound = np.sin(np.arange(segments * SEGMENT_SAMPLES) / 20).astype(np.float32) / 10
    older = dict(enumerate(pixels[1:])) if "image_history" in reads else {}
    example = engine.processor(
        PROMPT,
        image=pixels[0] if "image" in reads else None,
        image_history=list(older.values()),
        audio=sound if segments and "audio" in reads else None,
        target=modality,
    )
    over = len(example.audio_history)
    cut = list(sound.reshape(-1, SEGMENT_SAMPLES)[:over])
    return TimedQuestion(replace(example, history_keys=tuple(older)), older, cut)


# ---- measurement ----


@dataclass
class TimedAnswer:
    """A generation with what it took: tokens (n,) chosen greedily, and the logits of each."""

    history: float
    encode: float
    prefill: float
    steps: list[float]
    tokens: list[int]
    logits: Tensor  # (n, V)

    @property
    def on_arrival(self) -> float:
        """Where the older frames and segments were encoded when they came."""
        return self.encode + self.prefill + sum(self.steps)

    @property
    def whole(self) -> float:
        return self.history + self.on_arrival


@torch.inference_mode()
def answer(
    engine: Engine,
    asked: TimedQuestion,
    count: int,
    clock: Clock,
    given: Sequence[int] | None = None,
) -> TimedAnswer:
    """Write `count` tokens, or read those `given` in their place; nothing is kept from before."""
    network, modality = engine.decoder, asked.example.target
    engine.forget()
    history, _ = clock.seconds(lambda: _encode_history(engine, asked))
    encode, encoded = clock.seconds(lambda: engine.encode(asked.example))
    prefill, state = clock.seconds(lambda: network.prefill(encoded, count, 1, modality))
    token = network.start_id(modality)
    steps: list[float] = []
    tokens: list[int] = []
    logits: list[Tensor] = []
    for number in range(count):
        fed = torch.tensor([token], device=engine.device)
        spent, scores = clock.seconds(partial(network.decode_step, state, fed, modality))
        token = int(scores[0].argmax())
        tokens.append(token)
        token = token if given is None else given[number]
        steps.append(spent)
        logits.append(scores[0].float().cpu())
    return TimedAnswer(history, encode, prefill, steps, tokens, torch.stack(logits))


def _encode_history(engine: Engine, asked: TimedQuestion) -> None:
    for key, pixels in asked.frames.items():
        engine.precompute_frame(key, pixels)
    for samples in asked.segments:
        engine.precompute_segment(samples)


def measure(
    engine: Engine, asked: TimedQuestion, count: int, clock: Clock, repeats: int
) -> list[TimedAnswer]:
    """Repeats of the instruction; one before them, which warms up, is left out."""
    return [answer(engine, asked, count, clock) for _ in range(repeats + 1)][1:]


@dataclass(frozen=True)
class Work:
    """What the device has to do: operations of linear layers, and bytes of weights of a token."""

    history: float
    encode: float
    step_bytes: int


def stages_of(
    answers: Sequence[TimedAnswer], work: Work, form: str, ceiling: Ceiling
) -> dict[str, StageTimes]:
    """What each stage took, and would take at its ceiling."""
    steps = [seconds for one in answers for seconds in one.steps]
    dtype, quantize = FORMS[form]
    flops = ceiling.flops[quantize or dtype.removeprefix("all-")]
    found = {
        "history": _stage([one.history for one in answers], work.history / flops),
        "encode": _stage([one.encode for one in answers], work.encode / flops),
        "prefill": _stage([one.prefill for one in answers]),
        "token": _stage(steps, work.step_bytes / ceiling.bytes_per_s),
        "instruction": _stage([one.whole for one in answers]),
        "on arrival": _stage([one.on_arrival for one in answers]),
    }
    if not work.history:
        del found["history"], found["on arrival"]
    return found


def _stage(seconds: Sequence[float], floor: float | None = None) -> StageTimes:
    return StageTimes(float(np.quantile(seconds, 0.5)), float(np.quantile(seconds, 0.95)), floor)


def _work(engine: Engine, asked: TimedQuestion) -> Work:
    """Operations are those of linear layers, which make nine tenths of the encoders' passes."""
    made: list[float] = []

    def count(_layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        made.append(2.0 * inputs[0].shape[-1] * output.numel())

    network: Any = engine.model
    layers = [one for one in network.modules() if isinstance(one, LAYERS)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    engine.forget()
    _encode_history(engine, asked)
    history = sum(made)
    engine.encode(asked.example)
    for hook in hooks:
        hook.remove()
    return Work(history, sum(made) - history, _step_bytes(engine, asked.example.target))


def _step_bytes(engine: Engine, modality: str) -> int:
    """Weights that a step of the decoder reads: its layers and the output table."""
    network: Any = engine.model
    decoder = getattr(network, "decoder", None)
    if decoder is None:
        return 0
    own = [one for one in decoder.modules() if isinstance(one, (PackedLinear, QuantizedLinear))]
    layers = sum(p.nbytes for p in decoder.parameters()) + sum(one.weight_bytes for one in own)
    return layers + int(network.output_table(modality).nbytes)


def _compared(
    engine: Engine, asked: TimedQuestion, clock: Clock, exact: TimedAnswer
) -> tuple[float, int | None]:
    """Logit error and the first divergence, reading float32's tokens."""
    rough = answer(engine, asked, len(exact.tokens), clock, given=exact.tokens)
    difference = (rough.logits - exact.logits).square().mean().sqrt()
    pairs = enumerate(zip(rough.tokens, exact.tokens, strict=True))
    first = next((place for place, (got, want) in pairs if got != want), None)
    return float(difference / exact.logits.std()), first


def bench(asked: argparse.Namespace) -> Report:
    """All forms of a model, one after another; float32 first, which the others are held against."""
    device = torch.device(asked.device)
    clock = clock_for(device, asked)
    ceiling = measure_ceiling(clock)
    report = Report(
        _commit(), torch.__version__, _device_name(device), torch.get_num_threads(), ceiling
    )
    exact = None
    for form in sorted(asked.forms, key=list(FORMS).index):
        engine = load(asked.model, form, asked.device, asked.cuda_graphs)
        question = instruction(engine, asked.history, asked.segments, asked.modality)
        count = min(asked.tokens, engine.target_length(asked.modality))
        answers = measure(engine, question, count, clock, asked.repeats)
        stages = stages_of(answers, _work(engine, question), form, ceiling)
        error: float | None = None
        other: int | None = None
        if exact is not None:
            error, other = _compared(engine, question, clock, exact)
        rate = 1 / stages["token"].p50
        report.runs.append(Run(asked.model, form, asked.modality, stages, rate, error, other))
        exact = answers[0] if form == "float32" else exact
        del engine
    return report


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


# ---- what is shown ----


def show(report: Report) -> str:
    """A line for each form and stage."""
    flops = ", ".join(f"{name} {rate / 1e12:.3f}" for name, rate in report.ceiling.flops.items())
    lines = [
        f"{report.device}, {report.threads} thread(s), torch {report.torch}, {report.commit}",
        f"products in TFLOP/s: {flops}; reading {report.ceiling.bytes_per_s / 1e9:.1f} GB/s",
        f"{'':24}{'p50 ms':>10}{'p95 ms':>10}{'of ceiling':>12}",
    ]
    for run in report.runs:
        for name, stage in run.stages.items():
            share = "" if stage.share is None else f"{stage.share:.0%}"
            title = f"{run.form} {name}"
            lines.append(f"{title:24}{stage.p50 * 1e3:10.1f}{stage.p95 * 1e3:10.1f}{share:>12}")
        lines.append(f"{run.form + ' tokens/s':24}{run.tokens_per_s:10.1f}{_exactness(run)}")
    return "\n".join(lines)


def _exactness(run: Run) -> str:
    if run.logit_error is None:
        return ""
    where = "none" if run.first_divergence is None else f"at token {run.first_divergence}"
    return f"   logit error {run.logit_error:.2%}, first other token: {where}"


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """How many times as fast the second report is, stage by stage."""
    old = {(run["form"], run["modality"]): run for run in before["runs"]}
    lines = [f"{before['commit']} -> {after['commit']}: times as fast"]
    for run in after["runs"]:
        other = old.get((run["form"], run["modality"]))
        if other is None:
            continue
        shared = [name for name in run["stages"] if name in other["stages"]]
        for name in shared:
            ratio = other["stages"][name]["p50"] / run["stages"][name]["p50"]
            lines.append(f"{run['form'] + ' ' + name:24}{ratio:8.2f}")
    return "\n".join(lines)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = bench_parser("model", __doc__)
    parser.add_argument(
        "model", nargs="?", default="large", help="a size, a bundle, a checkpoint (default: large)"
    )
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--modality", choices=("text", "image", "audio"), default="text")
    parser.add_argument(
        "--tokens", type=at_least_one, default=32, help="of the answer (default: 32)"
    )
    parser.add_argument("--history", type=int, default=4, help="older frames (default: 4)")
    parser.add_argument("--segments", type=int, default=5, help="of sound (default: 5)")
    parser.add_argument(
        "--repeats", type=at_least_one, default=3, help="after a first (default: 3)"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument(
        "--cuda-graphs", choices=CUDA_GRAPHS, default="auto", help="on CUDA, or off (default: auto)"
    )
    add_torch_options(parser)
    parser.add_argument(
        "--compare", nargs=2, type=Path, metavar="JSON", help="measure nothing: compare two runs"
    )
    return parser.parse_args(list(argv))


def main(argv: Sequence[str]) -> int:
    asked = _parse(argv)
    if asked.compare:
        print(compare(*(json.loads(path.read_text(encoding="utf-8")) for path in asked.compare)))
        return 0
    report = bench(asked)
    print(show(report))
    save(asdict(report), asked.json)
    return 0
