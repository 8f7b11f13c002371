"""Small tokenizers: SentencePiece BPE over the prompts and answers of a data set.

Locations, modality marks and prefixes are not learnt: `processing.Tokenizer` appends them.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import sentencepiece

from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.decoding.manipulation import Primitive, step_text
from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.tasks.registry import TASKS

PIECES = 800
PRINTABLE = "".join(map(chr, range(33, 127)))
"""Characters that have a piece whatever the texts; all others are spelled in bytes."""


def train_tokenizer(texts: Iterable[str], path: Path, pieces: int = PIECES) -> None:
    """Write a SentencePiece file of LLaMA's layout: unknown, start, end, bytes, then BPE pieces.

    Raises RuntimeError where the texts do not give as many pieces.
    """
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        model_type="bpe",
        vocab_size=pieces,
        byte_fallback=True,
        character_coverage=1.0,
        required_chars=PRINTABLE,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    path.write_bytes(model.getvalue())


def prompt_texts(spaces: Iterable[ActionSpace]) -> Iterator[str]:
    """Every prompt of every task with its paraphrases, and the words of plans."""
    fixed = [space.prompt for space in spaces]
    fixed += [step_text(number, kind) for number in range(1, 9) for kind in Primitive]
    for task in TASKS.values():
        for prompt in task.prompts.values():
            fixed += [prompt.text, prompt.with_region, *prompt.variants]
    for text in fixed:
        yield text.replace("{}", " ").replace("{box}", " ")


def sample_texts(sample: Sample) -> Iterator[str]:
    """What is asked about a sample, and answered."""
    for labelled in sample.tasks:
        yield from filter(None, _words(labelled))


def _words(labelled: LabelledTask) -> Iterator[str]:
    instruction, answer = labelled.instruction, labelled.answer
    yield instruction.instruction
    yield from instruction.options
    yield answer.text
    yield from (found.label for found in answer.detections)
    yield from (found.label for found in answer.cuboids)
    yield from (found.label for found in answer.keypoints)
