"""Named random streams of one seed, so that adding a consumer never shifts the others.

Privacy noise and Poisson sampling do not use them: they come from the operating system's
entropy, inside ``tabgan.privacy``, and no seed reaches them.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch

from tabgan._util.validate import shown
from tabgan.errors import ConfigError


class RandomStreams:
    """Named child generators of one ``random_state``.

    Streams of one seed with different names are independent; the same seed and name always give
    the same stream, regardless of draws from the others.

    Args:
        random_state: ``None`` for fresh entropy, or a non-negative integer.

    Raises:
        ConfigError: ``random_state`` is anything else.
    """

    def __init__(self, random_state: int | None = None) -> None:
        is_integer = isinstance(random_state, int | np.integer)
        if random_state is not None and (
            not is_integer or isinstance(random_state, bool) or random_state < 0
        ):
            raise ConfigError(
                f"random_state: expected None or a non-negative integer, got {shown(random_state)}."
            )
        sequence = np.random.SeedSequence(None if random_state is None else int(random_state))
        self._entropy = int(sequence.entropy)  # type: ignore[arg-type]  # an integer, given one or none

    @property
    def entropy(self) -> int:
        """The seed itself: ``RandomStreams(streams.entropy)`` has the same streams."""
        return self._entropy

    def child(self, name: str) -> RandomStreams:
        """Return the streams of a part of the work, independent of these and of those of other parts."""
        words = self._sequence(name).generate_state(4, np.uint32)
        return RandomStreams(int.from_bytes(words.tobytes(), "little"))

    def _sequence(self, name: str) -> np.random.SeedSequence:
        digest = hashlib.sha256(name.encode()).digest()
        key = tuple(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))
        return np.random.SeedSequence(self._entropy, spawn_key=key)

    def numpy(self, name: str) -> np.random.Generator:
        """Return the NumPy generator of the stream ``name``."""
        return np.random.default_rng(self._sequence(name))

    def torch(self, name: str, device: torch.device | str = "cpu") -> torch.Generator:
        """Return the torch generator of the stream ``name`` on ``device``."""
        generator = torch.Generator(device=device)
        seed = int(self._sequence(name).generate_state(1, np.uint64)[0]) & (2**63 - 1)
        generator.manual_seed(seed)
        return generator
