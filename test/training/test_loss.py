"""The training loss: against its definition, its masks and its gradients."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from synthetic_inputs import image, waveform
from torch import Tensor
from torch.nn import functional as F

import uio2_ros.model
from uio2_ros.model import TargetLogits, UnifiedIO
from uio2_ros.processing import Processor, Tokenizer
from uio2_ros.training import LossSettings, training_loss

GOLDEN = Path(__file__).parents[1] / "golden"
TOKENIZER = Path(uio2_ros.model.__file__).parents[1] / "assets" / "synthetic_tokenizer.model"


@pytest.fixture
def output() -> TargetLogits:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2, 5, 7, generator=generator)
    targets = torch.randint(7, (2, 5), generator=generator)
    mask = torch.tensor([[True, True, False, True, False], [True, False, False, False, False]])
    return TargetLogits(logits, targets, mask)


def by_definition(output: TargetLogits, smoothing: float, z_loss: float) -> float:
    """Token by token, with the target distribution written out."""
    losses = []
    for logits, target in zip(
        output.logits[output.loss_mask], output.targets[output.loss_mask], strict=True
    ):
        wanted = torch.full_like(logits, smoothing / (len(logits) - 1))
        wanted[target] = 1 - smoothing
        entropy = -(wanted * wanted.log()).nansum()
        cross_entropy = -(wanted * logits.log_softmax(-1)).sum()
        log_z = logits.exp().sum().log()
        losses.append(cross_entropy - entropy + z_loss * log_z**2)
    return float(torch.stack(losses).mean())


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("z_loss", [0.0, 1e-4, 0.5])
def test_the_loss_is_its_definition(output: TargetLogits, smoothing: float, z_loss: float) -> None:
    loss = training_loss({"text": output}, LossSettings(z_loss, smoothing))
    expected = by_definition(output, smoothing, z_loss)
    assert float(loss.total) == pytest.approx(expected, abs=1e-5)
    part = loss.modalities["text"]
    plain = by_definition(output, smoothing, 0.0)
    assert float(part.z_loss) == pytest.approx(expected - plain, abs=1e-5)
    assert int(part.tokens) == 4


def test_without_extras_it_is_the_mean_cross_entropy(output: TargetLogits) -> None:
    expected = F.cross_entropy(output.logits[output.loss_mask], output.targets[output.loss_mask])
    torch.testing.assert_close(training_loss({"audio": output}).total, expected)


def test_what_the_mask_leaves_out_has_no_gradient(output: TargetLogits) -> None:
    logits = output.logits.clone().requires_grad_()
    training_loss(
        {"text": output._replace(logits=logits)}, LossSettings(1e-2, 0.1)
    ).total.backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad.abs().sum(-1) > 0, output.loss_mask)


def test_a_perfect_answer_costs_nothing() -> None:
    probabilities = torch.full((1, 1, 5), 0.2 / 4)
    probabilities[..., 3] = 0.8
    output = TargetLogits(
        probabilities.log(), torch.tensor([[3]]), torch.ones(1, 1, dtype=torch.bool)
    )
    loss = training_loss({"text": output}, LossSettings(z_loss=1.0, label_smoothing=0.2))
    assert float(loss.total) == pytest.approx(0, abs=1e-6)
    assert float(loss.modalities["text"].accuracy) == 1


def test_modalities_count_by_their_mean_and_weight(output: TargetLogits) -> None:
    longer = TargetLogits(*(torch.cat([part] * 3) for part in output))
    one = float(training_loss({"text": output}).total)
    both = training_loss({"text": output, "image": longer})
    assert float(both.total) == pytest.approx(2 * one, rel=1e-5)
    weighted = training_loss(
        {"text": output, "image": longer}, LossSettings(weights={"image": 0.25})
    )
    assert float(weighted.total) == pytest.approx(1.25 * one, rel=1e-5)


def test_a_modality_of_which_nothing_counts_is_zero_and_differentiable(
    output: TargetLogits,
) -> None:
    logits = output.logits.clone().requires_grad_()
    nothing = TargetLogits(logits, output.targets, torch.zeros_like(output.loss_mask))
    loss = training_loss({"text": nothing}, LossSettings(1e-4, 0.1))
    loss.total.backward()
    assert loss.total.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()
    part = loss.modalities["text"]
    assert (float(part.accuracy), float(part.z_loss), int(part.tokens)) == (0, 0, 0)


def test_low_precision_logits_are_summed_in_float32(output: TargetLogits) -> None:
    low = output._replace(logits=output.logits.bfloat16())
    assert training_loss({"text": low}).total.dtype == torch.float32


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"z_loss": -1.0}, "z_loss must be >= 0"),
        ({"label_smoothing": 1.0}, r"label_smoothing must be in \[0, 1\)"),
        ({"label_smoothing": -0.1}, r"label_smoothing must be in \[0, 1\)"),
        ({"weights": {"text": -1.0}}, "the weight of text must be >= 0"),
    ],
)
def test_settings_without_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LossSettings(**settings)


def test_outputs_without_sense_are_refused(output: TargetLogits) -> None:
    with pytest.raises(ValueError, match="no modality to train"):
        training_loss({})
    with pytest.raises(ValueError, match="weights of video: modalities are text, image, audio"):
        training_loss({"text": output}, LossSettings(weights={"video": 1.0}))
    cut = output._replace(targets=output.targets[:, :4])
    with pytest.raises(ValueError, match=r"logits \(2, 5, 7\), targets \(2, 4\)"):
        training_loss({"text": cut})


# ---- with the model ----


@pytest.fixture(scope="module")
def model() -> UnifiedIO:
    return UnifiedIO.synthetic("tiny")


@pytest.fixture(scope="module")
def processor(model: UnifiedIO) -> Processor:
    return Processor(model.config, Tokenizer(TOKENIZER))


def test_losses_are_those_of_the_released_code(model: UnifiedIO, processor: Processor) -> None:
    examples = {
        "image": processor("a red mug", image_target=image(256, 256, 3)),
        "audio": processor("a bell", audio_target=waveform(4.08, 5)),
    }
    for name, example in examples.items():
        expected = np.load(GOLDEN / f"{name}_target.npz")["token_loss"].mean()
        with torch.no_grad():
            loss = training_loss(model(processor.collate([example])))
        assert float(loss.total) == pytest.approx(float(expected), abs=1e-3)


def test_every_trained_weight_learns_and_frozen_ones_do_not(
    model: UnifiedIO, processor: Processor
) -> None:
    example = processor("a mug", image(64, 64, 1), target="text", text_target="mug")
    model.zero_grad()
    training_loss(model(processor.collate([example])), LossSettings(1e-4)).total.backward()
    learns = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert {
        n for n, _ in model.named_parameters() if n.startswith(("encoder.", "decoder."))
    } <= learns
    assert not [name for name in learns if ".vit." in name or ".vqgan." in name]
    model.zero_grad()


def test_a_few_steps_learn_a_packed_batch(processor: Processor) -> None:
    model = UnifiedIO.synthetic("tiny")
    examples = [processor(f"Say {word}.", text_target=word) for word in ("mug", "tray", "bell")]
    batch = processor.collate(examples, rows=[0, 0, 1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses: list[float] = []
    for _ in range(8):
        loss: Tensor = training_loss(model(batch), LossSettings(1e-4, 0.01)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert math.isfinite(losses[-1])
    assert losses[-1] < 0.6 * losses[0]
