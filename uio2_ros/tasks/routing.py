"""Which task a plain sentence asks for, for people at a command line. The service never guesses.

Each rule is a pattern at the beginning of the sentence; the first that fits wins:

* "find / list ... in 3D" is cuboids,
* "find / list ... COCO objects" is coco_detect, "find / list all objects" is detect,
* "segment / mask / outline X" is segment with X,
* "how far ...", "depth ..." is depth, "surface normals ..." is normals,
* "make / play the sound of X" is generate_audio with X,
* "edit / change the picture ...", "remove ... from the picture" is edit_image,
* "what will it look like once X", "show the result of X" is goal_image with X,
* "find / locate / detect / where is X", "draw a box around X" is localize with X,
* "draw X", "generate a picture of X" is generate_image with X,
* "what is the robot doing" is demonstration_caption, "which action ..." is video_tag,
* "what happens ...", "describe the video" is video_caption,
* "pick / put / push / stack / ... X" is next_action,
* "go / turn / drive / move forward ..." is navigate,
* "describe / caption ..." is caption, or audio_caption where it is about sound,
* a question ("what", "how", "is there", ... or a final question mark) is vqa,
* everything else is free form.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Suggestion:
    """A task, the instruction to give it, and why, for people."""

    task: str
    instruction: str
    reason: str


@dataclass(frozen=True)
class _Rule:
    task: str
    opening: re.Pattern[str]
    reason: str
    instruction: Callable[[re.Match[str]], str]


def _whole(match: re.Match[str]) -> str:
    return match.string


def _rest(match: re.Match[str]) -> str:
    """What follows the opening, without final punctuation."""
    return match.string[match.end() :].strip(" \t.?!,:")


def _object(match: re.Match[str]) -> str:
    """The same without article."""
    articles = r"^(?:(?:all|each|every|any|some|of|the|a|an|my|your)\s+)+"
    return re.sub(articles, "", _rest(match), flags=re.I)


def _rule(
    task: str,
    opening: str,
    reason: str,
    instruction: Callable[[re.Match[str]], str] = _whole,
) -> _Rule:
    return _Rule(task, re.compile(rf"(?:please\s+)?(?:{opening})", re.I), reason, instruction)


_LOOK = r"(?:find|locate|detect|list|name|show\s+me)"
_SHOW = (
    r"(?:(?:show|give|draw|make|estimate|compute|measure|find|what(?:'s|\s+is|\s+are))\s+)?"
    r"(?:me\s+)?(?:(?:the|a)\s+)?"
)
_MAKE = r"(?:draw|paint|sketch|make|play|generate|synthesi[sz]e|produce|create|imagine)"
_PICTURE = r"(?:picture|image|photo|drawing|painting|sketch)"

_RULES = (
    _rule(
        "cuboids",
        rf"{_LOOK}\b.*\b(?:3\s*d|three\s+dimensions)\b",
        "it asks where objects are in space",
    ),
    _rule("coco_detect", rf"{_LOOK}\b.*\bcoco\b", "it asks for the COCO objects"),
    _rule(
        "detect",
        rf"{_LOOK}\s+(?:everything|(?:all|every)\s+(?:(?:of|the)\s+)*(?:objects?|things?))"
        r"(?:\s+(?:in|on|here|around|you|there|and)\b.*)?[\s.?!]*$",
        "it asks for all objects",
    ),
    _rule(
        "segment",
        rf"(?:segment|mask|outline|cut\s+out|{_SHOW}(?:mask|outline|segmentation|pixels)s?\s+of)\b"
        r"\s*(?=\w)",
        "it asks for a mask",
        _object,
    ),
    _rule(
        "depth",
        rf"how\s+(?:far|deep|close)\b|{_SHOW}(?:depth|distance)s?\b",
        "it asks how far things are",
    ),
    _rule(
        "normals",
        rf"{_SHOW}(?:surface\s+)?(?:normals?|orientations?)\b",
        "it asks which way surfaces face",
    ),
    _rule(
        "generate_audio",
        rf"{_MAKE}\s+(?:me\s+)?(?:(?:the|a|an|some)\s+)?(?:sound|noise|audio)s?\s+(?:of|like)\b"
        r"\s*(?=\w)",
        "it asks for a sound",
        _rest,
    ),
    _rule(
        "edit_image",
        rf"(?:edit|modify|change|alter|make)\s+(?:the|this)\s+{_PICTURE}\b"
        rf"|(?:remove|erase|add|replace)\b.*\b(?:from|in|to)\s+(?:the|this)\s+{_PICTURE}\b",
        "it asks for a changed picture",
    ),
    _rule(
        "goal_image",
        r"what\s+(?:will|would)\b.*?\blook\s+like\s+(?:when|once|after|if)\b\s*(?=\w)"
        r"|(?:show|draw|imagine|predict)\s+(?:me\s+)?the\s+(?:goal|result|end\s+state)\s+"
        r"(?:of|for|when|after|once)\b\s*(?=\w)",
        "it asks how things will look",
        _rest,
    ),
    _rule(
        "localize",
        r"(?:find|locate|detect|look\s+for|search\s+for|show\s+me|where(?:'s|\s+is|\s+are)"
        r"|draw\s+(?:a\s+)?box(?:es)?\s+around)\b\s*(?=\w)",
        "it asks where something is",
        _object,
    ),
    _rule(
        "generate_image",
        rf"{_MAKE}\s+(?:me\s+)?(?:(?:the|a|an)\s+)?{_PICTURE}\s+(?:of|showing|that\s+shows)\b"
        r"\s*(?=\w)|(?:draw|paint|sketch)\b\s*(?:me\b\s*)?(?=\w)",
        "it asks for a new picture",
        _rest,
    ),
    _rule(
        "demonstration_caption",
        r"what(?:'s|\s+is)\s+(?:the|this|that)\s+(?:robot|arm|gripper)\s+doing\b",
        "it asks what the robot does",
    ),
    _rule(
        "video_caption",
        r"what\s+(?:happens|happened|just\s+happened|is\s+happening|is\s+going\s+on)\b"
        r"|(?:describe|caption)\b.*\b(?:video|clip)\b",
        "it asks what happens",
    ),
    _rule("video_tag", r"(?:which|what)\s+(?:action|activity)\b", "it asks for an action's name"),
    _rule(
        "navigate",
        r"(?:go|drive|navigate|walk|turn|rotate|stop|come|head)\b"
        r"|move\s+(?:forward|forwards|ahead|back|backward|backwards|left|right|to|towards)\b",
        "it asks the base to move",
    ),
    _rule(
        "next_action",
        r"(?:pick|put|place|push|pull|stack|grab|grasp|take|bring|move|sweep|insert|drop|sort|"
        r"rearrange|slide|lift)\b",
        "it asks to handle something",
    ),
    _rule(
        "audio_caption",
        r"(?:describe|caption)\b.*\b(?:sound|audio|noise)s?\b|what\s+(?:do|can)\s+you\s+hear\b",
        "it asks what is to be heard",
    ),
    _rule("caption", r"(?:describe|caption)\b", "it asks for a description"),
    _rule(
        "vqa",
        r"(?:what|which|who|whose|when|why|how|is|are|was|were|do|does|did|can|could|has|have)\b"
        r"|.*\?\s*$",
        "it is a question",
    ),
)


def suggest(sentence: str) -> Suggestion:
    """The task a sentence most likely asks for, and the instruction for it."""
    text = sentence.strip()
    for rule in _RULES:
        match = rule.opening.match(text)
        if match and rule.instruction(match):
            return Suggestion(rule.task, rule.instruction(match), rule.reason)
    return Suggestion("", text, "no rule fits")


def suggest_task(sentence: str) -> str:
    """The name of the task a sentence most likely asks for; "" is free form."""
    return suggest(sentence).task
