r"""Patterns of text: a small part of regular expressions, whose strings can be counted, numbered and drawn.

A pattern describes whole cells. It is made of literals, classes such as ``[A-Z0-9]`` or ``\d``, groups with
alternatives such as ``(north|south)``, ``?`` for a part that may be absent, and counted repeats such as ``{5}`` or
``{2,4}``; so it has finitely many strings. They are the paths of an automaton in which no two paths have the same
string: each string has one number, and is drawn as often as any other.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

#: The most characters of a string of a pattern, and of a pattern itself.
MOST_CHARACTERS, MOST_SOURCE = 200, 1_000

#: The most states of an automaton: beyond it, a pattern is refused.
_MOST_STATES = 5_000

#: Counts of strings below this fit into int64 with room to spare.
_SMALL = 2**62

#: Classes with a name.
_NAMED = {"d": "0123456789", "w": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"}

#: Characters that mean something outside of classes.
_SPECIAL = frozenset("\\[](){}|?*+.^$")


class _Moves(NamedTuple):
    """The strings that continue from a state.

    Attributes:
        may_end: True if a string may end here.
        blocks: Characters that lead to the same state, and that state.
        starts: ``(blocks + 1,)`` number of strings before each block's, an end among them, and of all.
    """

    may_end: bool
    blocks: tuple[tuple[np.ndarray, int], ...]
    starts: tuple[int, ...]


class _Fragments:
    """A growing automaton with several moves for a character, as its parser builds it.

    Attributes:
        moves: By state: characters and the state that they lead to; ``""`` leads there without one.
    """

    def __init__(self) -> None:
        self.moves: list[list[tuple[str, int]]] = []

    def state(self) -> int:
        """Return a new state."""
        if len(self.moves) >= _MOST_STATES:
            raise ValueError("pattern: too long when its repeats are written out. Shorten it.")
        self.moves.append([])
        return len(self.moves) - 1

    def closure(self, states: frozenset[int]) -> frozenset[int]:
        """Return states with all that they lead to without a character."""
        found, todo = set(states), list(states)
        while todo:
            reached = {to for chars, to in self.moves[todo.pop()] if not chars} - found
            found |= reached
            todo += reached
        return frozenset(found)


class _Parser:
    """A parser of one pattern, which adds what it reads to an automaton.

    A node is plain data: ``("class", characters)``, ``("all", nodes)``, ``("any", nodes)`` or
    ``("repeat", node, least, most)``.
    """

    def __init__(self, source: str) -> None:
        self.source, self.at = source, 0

    def parse(self) -> tuple:  # type: ignore[type-arg]
        """Return the node of the whole pattern."""
        node = self._alternatives(0)
        if self.at < len(self.source):
            raise ValueError("pattern: expected a '(' for each ')'.")
        return node

    def _peek(self) -> str:
        return self.source[self.at : self.at + 1]

    def _take(self) -> str:
        self.at += 1
        return self.source[self.at - 1 : self.at]

    def _alternatives(self, depth: int) -> tuple:  # type: ignore[type-arg]
        if depth > 50:
            raise ValueError("pattern: groups lie too deep in each other. Shorten it.")
        parts = [self._sequence(depth)]
        while self._peek() == "|":
            self.at += 1
            parts.append(self._sequence(depth))
        return parts[0] if len(parts) == 1 else ("any", parts)

    def _sequence(self, depth: int) -> tuple:  # type: ignore[type-arg]
        nodes = []
        while self._peek() not in ("", "|", ")"):
            nodes.append(self._repeated(self._atom(depth)))
        return ("all", nodes)

    def _atom(self, depth: int) -> tuple:  # type: ignore[type-arg]
        sign = self._take()
        if sign == "(":
            if self.source.startswith("?:", self.at):
                self.at += 2
            node = self._alternatives(depth + 1)
            if self._take() != ")":
                raise ValueError("pattern: expected a ')' for each '('.")
            return node
        if sign == "[":
            return ("class", self._class())
        if sign == "\\":
            return ("class", self._escaped())
        if sign in _SPECIAL:
            rule = (
                "is unbounded: write a counted repeat such as {1,8}" if sign in "*+" else "stands for itself"
            )
            fix = "" if sign in "*+" else f" only as \\{sign}"
            raise ValueError(f"pattern: {sign!r} {rule}{fix}.")
        return ("class", _printable(sign))

    def _escaped(self) -> str:
        sign = self._take()
        if sign in _NAMED:
            return _NAMED[sign]
        if not sign or sign.isalnum():
            raise ValueError(f"pattern: '\\{sign}' is not known. Of classes with a name, \\d and \\w are.")
        return _printable(sign)

    def _class(self) -> str:
        if self._peek() == "^":
            raise ValueError(
                "pattern: expected a class that lists its characters, got one that begins with '^'."
            )
        found: list[str] = []
        while self._peek() != "]":
            if not self._peek():
                raise ValueError("pattern: expected a ']' for each '['.")
            first = self._member()
            if self._peek() == "-" and self.source[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                last = self._member()
                if len(first) > 1 or len(last) > 1 or first > last or ord(last) - ord(first) > _MOST_STATES:
                    raise ValueError(
                        "pattern: expected a range such as a-z in a class, the smaller end first."
                    )
                first = "".join(map(chr, range(ord(first), ord(last) + 1)))
            found += _printable(first)
        self.at += 1
        if not found:
            raise ValueError("pattern: expected a class with a character, as in [A-Z], got [].")
        return "".join(sorted(set(found)))

    def _member(self) -> str:
        sign = self._take()
        return self._escaped() if sign == "\\" else sign

    def _repeated(self, node: tuple) -> tuple:  # type: ignore[type-arg]
        if self._peek() == "?":
            self.at += 1
            node = ("repeat", node, 0, 1)
        elif self._peek() == "{":
            found = re.compile(r"\{([0-9]{1,4})(?:,([0-9]{1,4}))?\}").match(self.source, self.at)
            if found is None:
                raise ValueError("pattern: expected a counted repeat such as {5} or {2,4} after '{'.")
            least, most = int(found[1]), int(found[2] or found[1])
            if not 0 <= least <= most or most == 0:
                raise ValueError(
                    "pattern: expected a counted repeat such as {5} or {2,4}, the smaller number first."
                )
            self.at = found.end()
            node = ("repeat", node, least, most)
        if self._peek() in ("?", "{"):
            raise ValueError("pattern: expected one repeat after a part. Put the part into a group.")
        return node


def _printable(signs: str) -> str:
    """Return characters that a cell may show."""
    if not signs.isprintable():
        raise ValueError("pattern: expected characters that can be printed.")
    return signs


class Pattern:
    """The strings of a pattern.

    Args:
        source: The pattern.

    Attributes:
        source: The pattern.
        n_strings: Number of its strings, which are all different.
        longest: Characters of the longest.

    Raises:
        ValueError: it is none, or it has strings that are too long; the message names the key ``pattern``.

    >>> plates = Pattern("[A-Z]{1,2}-[0-9]{2}")
    >>> plates.n_strings, plates.matches("AB-07"), plates.at(np.array([0, 70_199])).tolist()
    (70200, True, ['A-00', 'ZZ-99'])
    """

    def __init__(self, source: str) -> None:
        if len(source) > MOST_SOURCE:
            raise ValueError(f"pattern: expected at most {MOST_SOURCE:,} characters.")
        self.source = source
        node = _Parser(source).parse()
        self.longest = _longest(node)
        if self.longest > MOST_CHARACTERS:
            raise ValueError(f"pattern: expected strings of at most {MOST_CHARACTERS} characters.")
        fragments = _Fragments()
        start, end = fragments.state(), fragments.state()
        _build(fragments, node, start, end)
        self._moves = _determined(fragments, start, end)
        self.n_strings = self._moves[0].starts[-1]

    def matches(self, text: object) -> bool:
        """Return true if a value is one of the strings."""
        if not isinstance(text, str):
            return False
        state = 0
        for sign in text:
            following = self._following(state).get(sign)
            if following is None:
                return False
            state = following
        return self._moves[state].may_end

    def draw(self, n: int, rng: np.random.Generator) -> list[str]:
        """Return ``n`` strings, each drawn from all with equal chances."""
        shares = rng.random
        return self._written(n, lambda state, rows: self._chosen(state, shares(len(rows)), rng))

    def at(self, numbers: np.ndarray) -> np.ndarray:
        """Return ``(numbers,)`` strings, a different one for each number from 0 to ``n_strings - 1``."""
        left = np.asarray(numbers, dtype=np.int64 if self.n_strings < _SMALL else object)

        def choose(state: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            moves = self._moves[state]
            own = left[rows]
            starts = np.array(moves.starts[:-1], dtype=left.dtype)
            blocks = np.searchsorted(starts, own, side="right") - 1
            inside = own - starts[blocks] if len(starts) else own
            places = np.zeros(len(rows), dtype=np.int64)
            for number, (_, to) in enumerate(moves.blocks):
                chosen = blocks == number
                each = self._moves[to].starts[-1]
                places[chosen] = inside[chosen] // each
                inside[chosen] = inside[chosen] % each
            left[rows] = inside
            return np.where(own < moves.starts[0], -1, blocks), places

        return np.array(self._written(len(left), choose), dtype=object)

    def _chosen(
        self, state: int, shares: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the block of each row, -1 where its string ends, and the place of its character there."""
        moves = self._moves[state]
        ends = np.array([start / moves.starts[-1] for start in moves.starts])
        blocks = np.searchsorted(ends, shares, side="right") - 1
        sizes = np.array([len(chars) for chars, _ in moves.blocks] or [1])
        return blocks, (rng.random(len(shares)) * sizes[np.maximum(blocks, 0)]).astype(np.int64)

    def _written(self, n: int, choose) -> list[str]:  # type: ignore[no-untyped-def]
        """Return ``n`` strings, whose next block and character a function of a state and of its rows chooses."""
        signs = np.full((n, self.longest), "", dtype="<U1")
        states = np.zeros(n, dtype=np.int64)  # -1 for a string that has ended
        for place in range(self.longest + 1):
            following = np.full(n, -1)
            for state in np.unique(states[states >= 0]):
                rows = np.flatnonzero(states == state)
                blocks, places = choose(int(state), rows)
                for number, (chars, to) in enumerate(self._moves[state].blocks):
                    chosen = rows[blocks == number]
                    signs[chosen, place] = chars[places[blocks == number]]
                    following[chosen] = to
            states = following
        return ["".join(row) for row in signs.tolist()]

    def _following(self, state: int) -> dict[str, int]:
        """Return the state that each character leads to."""
        if state not in self._known:
            self._known[state] = {
                sign: to for chars, to in self._moves[state].blocks for sign in chars.tolist()
            }
        return self._known[state]

    @cached_property
    def _known(self) -> dict[int, dict[str, int]]:
        return {}


@lru_cache(maxsize=4_096)
def pattern_of(source: str) -> Pattern:
    """Return a pattern, which is made once."""
    return Pattern(source)


def _longest(node: tuple) -> int:  # type: ignore[type-arg]
    """Return the number of characters of the longest string of a node."""
    match node:
        case ("all", parts):
            return sum(map(_longest, parts))
        case ("any", parts):
            return max(map(_longest, parts))
        case ("repeat", part, _, most):
            return int(most) * _longest(part)
    return 1


def _build(fragments: _Fragments, node: tuple, start: int, end: int) -> None:  # type: ignore[type-arg]
    """Add the strings of a node between two states."""
    match node:
        case ("class", chars):
            fragments.moves[start].append((chars, end))
        case ("all", parts):
            for part in parts:
                following = fragments.state()
                _build(fragments, part, start, following)
                start = following
            fragments.moves[start].append(("", end))
        case ("any", parts):
            for part in parts:
                inner = fragments.state()
                fragments.moves[start].append(("", inner))
                _build(fragments, part, inner, end)
        case ("repeat", part, least, most):
            for number in range(most):
                if number >= least:
                    fragments.moves[start].append(("", end))
                following = fragments.state()
                _build(fragments, part, start, following)
                start = following
            fragments.moves[start].append(("", end))


def _determined(fragments: _Fragments, start: int, end: int) -> list[_Moves]:
    """Return the moves of an automaton with one move for a character; each state leads to later ones only."""
    known: dict[frozenset[int], list[tuple[str, frozenset[int]]]] = {}
    first = fragments.closure(frozenset([start]))
    todo = [first]
    while todo:
        states = todo.pop()
        if states in known:
            continue
        if len(known) >= _MOST_STATES:
            raise ValueError(
                "pattern: too many ways to read it. Write it with fewer alternatives and repeats."
            )
        reached: dict[str, set[int]] = {}
        for state in states:
            for chars, following in fragments.moves[state]:
                for sign in chars:
                    reached.setdefault(sign, set()).add(following)
        blocks: dict[Hashable, list[str]] = {}
        for sign in sorted(reached):
            blocks.setdefault(frozenset(reached[sign]), []).append(sign)
        known[states] = [("".join(signs), fragments.closure(to)) for to, signs in blocks.items()]  # type: ignore[arg-type]
        todo += [to for _, to in known[states]]
    order = list(_sorted_states(first, known))
    numbers = {states: number for number, states in enumerate(order)}
    moves: dict[int, _Moves] = {}
    for states in reversed(order):
        starts = [int(end in states)]
        for chars, to in known[states]:
            starts.append(starts[-1] + len(chars) * moves[numbers[to]].starts[-1])
        blocks_ = tuple((np.array(list(chars)), numbers[to]) for chars, to in known[states])
        moves[numbers[states]] = _Moves(end in states, blocks_, tuple(starts))
    return [moves[number] for number in range(len(order))]


def _sorted_states(
    first: frozenset[int], known: dict[frozenset[int], list[tuple[str, frozenset[int]]]]
) -> Iterator[frozenset[int]]:
    """Return an iterator over states, each before those that it leads to."""
    waiting: dict[frozenset[int], int] = dict.fromkeys(known, 0)
    for blocks in known.values():
        for _, to in blocks:
            waiting[to] += 1
    ready = [first]
    while ready:
        states = ready.pop()
        yield states
        for _, to in known[states]:
            waiting[to] -= 1
            if waiting[to] == 0:
                ready.append(to)


def literal(text: str) -> str:
    """Return the pattern that has one string alone."""
    return "".join(f"\\{sign}" if sign in _SPECIAL else sign for sign in text)


def permuted(numbers: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return other numbers for numbers from 0 to ``n - 1``: an order of all of them that only the seed knows.

    A Feistel network over the next power of four, applied until a number is below ``n`` (cycle walking), so different
    numbers become different ones without a list. Of more than 2**62 numbers, each lies in a stretch of its own.

    References:
        Black & Rogaway (2002), *Ciphers with Arbitrary Finite Domains*. Its rounds are a hash, and no secret is kept.
    """
    numbers = np.asarray(numbers, dtype=np.uint64)
    size = min(n, _SMALL)
    half = np.uint64(max((size - 1).bit_length() + 1, 2) // 2)
    mask = np.uint64((1 << int(half)) - 1)
    keys = np.random.default_rng(seed).integers(0, 2**63, 4).astype(np.uint64)
    found, open_ = numbers.copy(), np.ones(len(numbers), dtype=bool)
    while open_.any():
        left, right = found[open_] >> half, found[open_] & mask
        for key in keys:
            left, right = right, left ^ (_mixed(right ^ key) & mask)
        found[open_] = (left << half) | right
        open_ &= found >= np.uint64(size)
    if n == size:
        return found.astype(np.int64)
    width = n // size
    inside = np.array([seed % width], dtype=object)
    return np.asarray(found.astype(object) * width + inside)


def _mixed(x: np.ndarray) -> np.ndarray:
    """Return hashes of 64 bits: the finalizer of SplitMix64."""
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))
