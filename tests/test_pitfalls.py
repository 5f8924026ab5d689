"""Defects of other private synthesizers: each on the project's list has a test that carries its number.

A test carries a number by the first words of its docstring, or of its class's: ``Pitfall 21.``, ``Pitfalls 9 and 10.``
``docs/privacy.md`` lists them, and says what is right. What has no better place is tested here.
"""

from __future__ import annotations

import ast
import copy
import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from tabgan import LedgerConfig, Schema
from tabgan.audit.whitebox import CellGame
from tabgan.fitting.modelfile import Fitted
from tabgan.model.adversary.training import Game
from tabgan.privacy import plan as budget
from tabgan.privacy.accounting import SubsampledGaussian
from tabgan.privacy.doors.dpsgd import PrivateSteps
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.privacy.plan import Plan
from tabgan.synthesizer import TabGAN

TESTS = Path(__file__).parent
LIST = TESTS.parent / "docs" / "privacy.md"
NUMBERS = range(1, 45)

_CARRIED = re.compile(r"^Pitfalls? (\d+(?:(?:, | and | to )\d+)*)")


def numbers_of(docstring: str | None) -> set[int]:
    """Return the numbers that a docstring carries."""
    found = _CARRIED.match(docstring or "")
    if not found:
        return set()
    numbers: set[int] = set()
    for part in re.split(r", | and ", found[1]):
        first, _, last = part.strip().partition(" to ")
        numbers |= set(range(int(first), int(last or first) + 1))
    return numbers


@cache
def carried() -> dict[str, set[int]]:
    """Return the numbers that each test carries, by its file and name."""
    found: dict[str, set[int]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        for place in (tree, *classes):
            shared = numbers_of(ast.get_docstring(place)) if place is not tree else set()
            for node in place.body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    numbers = shared | numbers_of(ast.get_docstring(node))
                    found.setdefault(f"{path.relative_to(TESTS)}::{node.name}", set()).update(numbers)
    return found


class TestList:
    ROWS = re.findall(r"^\| (\d+) \| .* \| `([^`]+)` \|$", LIST.read_text(encoding="utf-8"), re.MULTILINE)

    def test_numbers_are_read(self):
        assert numbers_of("Pitfall 21.") == {21}
        assert numbers_of("Pitfalls 9 and 10.") == {9, 10}
        assert numbers_of("Pitfalls 1, 2 and 11 to 13: so.") == {1, 2, 11, 12, 13}
        assert numbers_of("No pitfall 3.") == set()

    def test_every_defect_has_a_test_that_carries_its_number(self):
        assert set().union(*carried().values()) == set(NUMBERS)

    def test_the_list_has_a_row_for_each_and_names_a_test_that_carries_it(self):
        assert [int(number) for number, _ in self.ROWS] == list(NUMBERS)
        tests = carried()
        wrong = [row for row in self.ROWS if int(row[0]) not in tests.get(row[1], set())]
        assert not wrong

    def test_tests_of_defects_without_a_number_exist(self):
        named = re.findall(
            r"^\| \D.* \| `([^`]+::[^`]+)` \|$", LIST.read_text(encoding="utf-8"), re.MULTILINE
        )
        assert named
        assert not set(named) - set(carried())


def private_steps(codes: np.ndarray, rate: float) -> PrivateSteps:
    run = SubsampledGaussian(5.0, rate, 20)
    measurer = Measurer(PrivacyFilter(Plan(50.0, 1e-5, 0.0, 0.0, {}, True, run)))
    units = np.arange(len(codes))
    return PrivateSteps(CellGame(2), codes, units, len(codes), run, measurer, torch.device("cpu"))


@pytest.mark.fresh_noise
def test_rare_rows_meet_the_discriminator_as_often_as_all_others():
    """Pitfall 6: no batch is dealt by what is in a row, so no frequency of a category decides who is seen."""
    codes = np.array([[1, 1]] * 40 + [[0, 0]] * 4_000, dtype=np.int16)
    steps, runs, rate = private_steps(codes, 0.1), 150, 0.1
    rare = 0
    for _ in range(runs):
        rare += int((steps._poisson_batch()[:, 0] == 1).sum())
    low, high = stats.binom.interval(1 - 1e-7, 40 * runs, rate)
    assert low <= rare <= high


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"age": rng.integers(18, 90, 2_000), "town": rng.choice(["Ulm", "Bonn"], 2_000)})


def test_conditions_are_met_without_the_table(people, tmp_path):
    """Pitfall 6: also at sampling time, for a loaded model has nothing but what was released."""
    model = TabGAN(schema=Schema(target="town"), random_state=0).fit(people)
    model.save(tmp_path / "m.tabgan")
    loaded = TabGAN.load(tmp_path / "m.tabgan").sample(50, conditions={"town": "Ulm"}, random_state=3)
    assert (loaded["town"] == "Ulm").all()
    pd.testing.assert_frame_equal(loaded, model.sample(50, conditions={"town": "Ulm"}, random_state=3))


def test_no_two_networks_are_one():
    """Pitfall 16: the one that rows train, the one that the generator sees, and one of another fit."""
    first, second = (private_steps(np.zeros((50, 2), dtype=np.int16), 0.1) for _ in range(2))
    networks = (first._game.network, first._wrapped, second._game.network, second._wrapped)
    places = [{p.data_ptr() for p in network.parameters()} for network in networks]
    assert len(set().union(*places)) == sum(map(len, places))


@pytest.fixture(scope="module")
def fitted(people) -> Fitted:
    return TabGAN(None, schema=Schema(target="town"), random_state=0).fit(people)._fitted


def game_of(fitted: Fitted, seed: int = 0) -> Game:
    """Return a critic's game with weights that are not 0."""
    position = fitted.encoder.positions["town"]
    game = Game(fitted.generator, fitted.encoder, position, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        game.network.weight.normal_(generator=torch.Generator().manual_seed(0))
    return game


def test_no_row_of_a_batch_sees_another(fitted):
    """Pitfalls 11 to 13: a row's features, losses and slope are the same alone and among others."""
    game, rows = game_of(fitted), fitted.generator.draw(40, torch.Generator().manual_seed(1))

    network = copy.deepcopy(game.network).double()

    def seen(batch):
        inputs, given = game.prepare(batch)
        losses = game.losses(network(inputs), given)[:, None]
        return torch.cat([inputs, given, losses, game.slopes(batch)[:, None]], dim=1)

    alone = torch.cat([seen(row[None]) for row in rows])
    assert len(alone.unique(dim=0)) > 20
    torch.testing.assert_close(seen(rows), alone, rtol=1e-12, atol=1e-12)
    assert [type(each) for each in game.network.modules()] == [torch.nn.Linear]


def test_rows_that_the_generator_draws_reach_the_update(fitted):
    """Pitfall 14: through the information that a step divides by."""
    moved = []
    for seed in (0, 0, 1):
        game = game_of(fitted, seed)
        before = game.network.weight.detach().clone()
        game.network.weight.grad = torch.full_like(before, 0.01)
        game.optimizer(2_000, 5.0, 1.0)(game.network.parameters()).step()
        moved.append(game.network.weight.detach() - before)
    assert torch.equal(moved[0], moved[1])
    assert not torch.allclose(moved[0], moved[2], rtol=1e-4, atol=0.0)


def test_weights_that_are_kept_are_a_copy_of_the_trained_ones():
    """Pitfall 18: no later step changes what was kept."""
    steps = private_steps(np.zeros((50, 2), dtype=np.int16), 0.1)
    steps.step()
    kept = copy.deepcopy(steps._game.network)
    with torch.no_grad():
        for trained in steps._wrapped.parameters():
            trained.add_(1.0)
    assert torch.equal(steps._game.network.weight, kept.weight)
    steps.step()
    assert not torch.equal(steps._game.network.weight, kept.weight)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_training_is_as_long_whatever_the_rows_are(people, value):
    """Pitfall 17: no stopping, no best checkpoint, no rate by what a discriminator says of the rows."""
    df = people.assign(age=people["age"] * value)
    seen = []
    model = TabGAN(schema=Schema(target="town"), random_state=0)
    model.fit(df, progress=lambda stage, done, total: seen.append((stage, done)))
    assert [done for stage, done in seen if stage == "train"] == [*range(1, budget.ADVERSARY_STEPS + 1)]
    steps = [entry for entry in model.privacy_.entries if entry.door == "dpsgd"]
    assert {(each.steps, each.noise_multiplier) for each in steps} == {
        (1, model.plan_.adversary.noise_multiplier)
    }
    assert len(steps) == budget.ADVERSARY_STEPS


def test_trying_arguments_on_the_table_costs_each_try(people, tmp_path):
    """Pitfall 26: a sweep over epsilon is so many fits, and the dataset's ledger has them all."""
    for epsilon in (0.5, 1.0, 2.0):
        TabGAN(epsilon, adversary_share=0).fit(people, ledger=LedgerConfig(tmp_path / "l"))
    ledger = LedgerFile(tmp_path / "l")
    assert [fit.epsilon for fit in ledger.fits] == [0.5, 1.0, 2.0]
    total = sum((fit.spent for fit in ledger.fits[1:]), ledger.fits[0].spent)
    assert total.epsilon(1e-6) > 2.2 > max(fit.spent.epsilon(1e-6) for fit in ledger.fits)
