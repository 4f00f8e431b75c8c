# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the files of a model tell of the memory it will need, in one shape for all formats."""

from __future__ import annotations

from typing import TypedDict


class UnreadableError(Exception):
    """A file is not what it should be; the text is what is wrong with it."""


class Layer(TypedDict):
    """A layer of a model.

    bytes: its weights. experts: those of them that only some tokens need. k, v: elements that its cache holds for
    each token, 0 without one. window: tokens that the cache is limited to, 0 for none. state: elements, in 32 bits,
    that it holds for each sequence whatever its length.
    """

    bytes: int
    experts: int
    k: int
    v: int
    window: int
    state: int


class Facts(TypedDict):
    """A model, or a part of one such as a projector or an adapter.

    problem: why nothing is known, else empty. context: the longest it was trained for, in tokens. width: of its
    embedding. heads: of its attention. bytes: all weights. input_bytes: those that llama.cpp leaves in the host's
    memory when all layers are on a card. output_bytes: those outside of the layers that go to the card with the last
    one. picture_bytes: in which a picture is computed, 0 if it reads none. types: bytes by type of tensor.
    """

    problem: str
    format: str
    architecture: str
    context: int
    width: int
    heads: int
    vocabulary: int
    bytes: int
    input_bytes: int
    output_bytes: int
    picture_bytes: int
    layers: list[Layer]
    types: dict[str, int]


def unreadable(problem: str) -> Facts:
    """The facts of a file that tells nothing."""
    return {
        "problem": problem,
        "format": "",
        "architecture": "",
        "context": 0,
        "width": 0,
        "heads": 0,
        "vocabulary": 0,
        "bytes": 0,
        "input_bytes": 0,
        "output_bytes": 0,
        "picture_bytes": 0,
        "layers": [],
        "types": {},
    }
