"""The texts around a prompt that the model was trained with. Imports nothing of the package."""

from __future__ import annotations

PREFIXES = {"text": "[Text] [S] ", "image": "[Image] [S] ", "audio": "[Audio] [S] "}
"""What precedes a prompt for each modality to generate."""
BOX = "{box}"
"""Where the region goes in a prompt."""
NEGATIVE_PROMPTS = {
    "image": "An image of a random picture.",
    "audio": "A video of a random audio.",
}
"""What guidance moves away from: the prompts of the examples that were trained without a text."""
