"""A fit that is killed with ``kill -9``, again and again, at any moment: nothing is spent unseen, no noise returns.

The fits run in processes of their own, which write down a digest of every draw of noise before anything is done with
it. They are slowed down a little around what matters, so that kills land there.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import dp_accounting
import numpy as np
import pytest

from tabgan.privacy.accounting import Cost
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.privacy.plan import ADVERSARY_STEPS

EPSILON, DELTA = 2.0, 1e-6

#: Ends of a process: the fit is done, or its plan has no room to release lost answers again.
DONE, NO_ROOM = 0, 3

#: Imports once, then forks a process for every fit that it is asked for, and says how it ended.
SCRIPT = f"""
import hashlib, os, sys, time, traceback
from pathlib import Path
import numpy as np
import pandas as pd
from tabgan.errors import BudgetExceededError
from tabgan.privacy import plan as budget
from tabgan.privacy.doors import dpsgd, measured_table, mechanisms
from tabgan.privacy.ledger import file as ledger_file
from tabgan.privacy.ledger import journal
from tabgan.privacy.accounting import SubsampledGaussian
from tabgan.privacy.ledger.journal import Journal
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.schema import Categorical, Schema
from tabgan.synthesizer import TabGAN

log = None

def say(*words):
    if log is not None:
        os.write(log, (" ".join(words) + "\\n").encode())

def around(owner, name, before=None, after=None, nap=0.0):
    real = getattr(owner, name)
    def wrapped(*args, **kwargs):
        time.sleep(nap)
        if before is not None:
            before(*args)
        result = real(*args, **kwargs)
        if after is not None:
            after(result, *args)
        time.sleep(nap)
        return result
    setattr(owner, name, wrapped)

def digest(data):
    return hashlib.sha256(data).hexdigest()

def drawn(noisy, values, noise):
    if values.size > 1:  # of one number alone, or of none, the same may come twice
        say("draw", "counts", digest(noisy.tobytes()))

around(mechanisms, "noisy_vector", after=drawn, nap=0.006)
around(mechanisms, "discover", after=lambda r, *a: drawn(r[1], r[1], None), nap=0.006)
around(measured_table, "_draws", after=lambda r, n: say("draw", "step", digest(r.tobytes())))
around(dpsgd.PrivateSteps, "_noisy_gradient", after=lambda g, s: say("draw", "gradient", digest(g.tobytes())), nap=0.01)
around(dpsgd.PrivateSteps, "step", after=lambda r, s: say("stepped"), nap=0.01)
around(
    LedgerFile,
    "charge",
    lambda file, name, call, releases: say("charging", releases[0].door),
    lambda result, file, name, call, releases: say("charged", releases[0].door),
)
for module in (ledger_file, journal):
    around(module, "append_line", nap=0.003)
around(LedgerFile, "_write_guard", nap=0.002)
around(Journal, "keep", lambda *a: say("keeping"), lambda *a: say("kept"))
# A little more noise than the search would find, without the search.
budget._calibrate_adversary = lambda *args: SubsampledGaussian(10.5, args[4], budget.ADVERSARY_STEPS)

def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame({{
        "income": rng.normal(3000, 500, 1500).round(2),
        "town": rng.choice(["Ulm", "Bonn", "Kiel"], 1500),
        "member": rng.random(1500) < 0.3,
    }})

def fit(folder, ledger, declares):
    columns = [Categorical(name="town", categories=["Ulm", "Bonn", "Kiel"])] if declares == "yes" else []
    model = TabGAN({EPSILON}, {DELTA}, schema=Schema(columns, target="member"), device="cpu", random_state=0)
    model.fit(table(), ledger=Path(ledger), checkpoint=Path(folder))
    assert len(model.sample(50)) == 50
    assert model.privacy_.epsilon_spent <= {EPSILON}
    say("done")

os.write(1, b"ready\\n")
for line in sys.stdin:
    words = line.split()
    pid = os.fork()
    if pid == 0:
        log = os.open(words[1] + ".log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            fit(*words)
            os._exit({DONE})
        except BudgetExceededError:
            os._exit({NO_ROOM})
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.write(1, f"{{pid}}\\n".encode())
    os.write(1, f"{{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}}\\n".encode())
"""


class Nursery:
    """A process that starts fits and tells how they end."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        assert self._line() == "ready"

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(60)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().strip()

    def fit(
        self,
        folder: Path,
        ledger: Path,
        declares: bool,
        is_time: Callable[[], bool] | None = None,
    ) -> int:
        """Return how a fit ended: its exit code, -9 if it was killed when it was time to."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{folder} {ledger} {'yes' if declares else 'no'}\n".encode())
        pid = int(self._line())
        while is_time is not None and not select.select([self._process.stdout], [], [], 0.002)[0]:
            if is_time():
                os.kill(pid, signal.SIGKILL)
                break
        return int(self._line())


def after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def when_said(ledger: Path, words: str, times: int) -> Callable[[], bool]:
    """Tell when processes have said something so often from now on."""
    log = Path(f"{ledger}.log")
    start = log.stat().st_size if log.exists() else 0

    def is_time() -> bool:
        if not log.exists():
            return False
        with log.open("rb") as file:
            file.seek(start)
            return sum(line.startswith(words.encode()) for line in file) >= times

    return is_time


def draws_of(ledger: Path) -> list[list[str]]:
    """Return the draws that all processes have written down."""
    words = [line.split() for line in log_of(ledger)]
    return [line[1:] for line in words if line[0] == "draw"]


def log_of(ledger: Path) -> list[str]:
    log = Path(f"{ledger}.log")
    return log.read_text().splitlines() if log.exists() else []


def where(lines: list[str]) -> str:
    """In which stage a process was whose last words these are, and between which two moments of it."""
    if not lines:
        return "before the first charge"
    doors = [line.split()[1] for line in lines if line.startswith("charg")]
    last = lines[-1].split()[0]
    if last in ("stepped", "done"):
        return f"training: {last}"
    return f"{doors[-1] if doors else 'answers'}: {'drawn' if last == 'draw' else last}"


class Watch:
    """Looks at the files after each kill, and remembers what must not change."""

    def __init__(self, ledger: Path) -> None:
        self.ledger = ledger
        self._answers: dict[Path, bytes] = {}
        self._lines = b""

    def check(self, folder: Path) -> None:
        """Hold ledger, checkpoint and draws against each other."""
        ledger = LedgerFile(self.ledger)  # may hold nothing yet
        data = self.ledger.read_bytes() if self.ledger.exists() else b""
        assert data.startswith(self._lines)
        self._lines = data[: data.rfind(b"\n") + 1]
        for fit in ledger.fits:
            assert fit.limit.covers(fit.spent)
        self._check_draws(ledger)
        answers = folder / "released.jsonl"
        found = answers.read_bytes() if answers.exists() else b""
        assert found.startswith(self._answers.get(folder, b""))  # answers never change once they are kept
        self._answers[folder] = found[: found.rfind(b"\n") + 1]

    def _check_draws(self, ledger: LedgerFile) -> None:
        draws = draws_of(self.ledger)
        assert len({digest for _, digest in draws}) == len(draws)  # noise is never used again
        kinds = Counter(kind for kind, _ in draws)
        releases = [r for fit in ledger.fits for _, charged in fit.charges for r in charged]
        steps = sum(r.steps for r in releases if r.door == "dpsgd")
        assert kinds["gradient"] <= kinds["step"] <= steps
        assert kinds["counts"] <= sum(r.door != "dpsgd" for r in releases)


def recomputed(ledger: Path, name: str) -> float:
    """A fit's total by dp_accounting's own accountant, one event a release."""
    fit = LedgerFile(ledger).fit(name)
    assert fit is not None
    accountant = dp_accounting.pld.PLDAccountant(value_discretization_interval=1e-3)
    events: Counter = Counter()
    for release in (release for _, releases in fit.charges for release in releases):
        event = dp_accounting.GaussianDpEvent(release.noise_multiplier)
        if release.door == "dpsgd":
            event = dp_accounting.PoissonSampledDpEvent(release.sample_rate, event)
        events[event] += release.steps
    for event, count in events.items():
        accountant.compose(event, count)
    return accountant.get_epsilon(DELTA - fit.spent.delta)


def kill_and_resume(
    nursery: Nursery, folder: Path, watch: Watch, moments: Iterable[Callable[[], bool]], *, declares: bool
) -> tuple[int, list[str]]:
    """Kill a fit at each moment, then let it end; return how it did, and where the kills fell."""
    fallen = []
    for is_time in moments:
        before = len(log_of(watch.ledger))
        code = nursery.fit(folder, watch.ledger, declares, is_time)
        watch.check(folder)
        if code != -signal.SIGKILL:
            assert code in (DONE, NO_ROOM)
            return code, fallen
        fallen.append(where(log_of(watch.ledger)[before:]))
    with Nursery() as another:  # one that has never seen the fit
        code = another.fit(folder, watch.ledger, declares)
    watch.check(folder)
    assert code in (DONE, NO_ROOM)
    return code, fallen


def moments(
    ledger: Path, length: float, rng: np.random.Generator, *, declares: bool
) -> Iterator[Callable[[], bool]]:
    """Half of them at any time, half around what matters; where categories are discovered, first of all there."""
    if not declares:
        yield when_said(ledger, "charged", 7)
    for _ in range(10):
        words, most = WORDS[rng.integers(len(WORDS))]
        if rng.random() < 0.5:
            yield after(rng.uniform(0.1, 0.6 * length))
        else:
            yield when_said(ledger, words, int(rng.integers(1, most)))


#: Messages of processes, and how often at most until they are killed.
WORDS = [
    ("charging", 7),
    ("charged", 7),
    ("charged marginals", 3),
    ("draw counts", 7),
    ("keeping", 7),
    ("kept", 7),
    ("charging dpsgd", 5),
    ("charged dpsgd", 5),
    ("draw step", 5),
    ("draw gradient", 5),
    ("stepped", 5),
]


def check_end(watch: Watch) -> None:
    """Hold every fit's total against its promise."""
    for fit in LedgerFile(watch.ledger).fits:
        assert recomputed(watch.ledger, fit.name) <= EPSILON + 1e-3
        steps = sum(r.steps for _, releases in fit.charges for r in releases if r.door == "dpsgd")
        assert steps <= ADVERSARY_STEPS


@pytest.mark.slow
def test_a_fit_that_is_killed_three_times_goes_on(tmp_path):
    """Pitfalls 20 and 25."""
    watch, folder = Watch(tmp_path / "ledger.jsonl"), tmp_path / "checkpoint"
    with Nursery() as nursery:
        for said, times in (("kept", 2), ("draw gradient", 2), ("stepped", 1)):
            code = nursery.fit(folder, watch.ledger, True, when_said(watch.ledger, said, times))
            watch.check(folder)
            assert code == -signal.SIGKILL, said
        assert nursery.fit(folder, watch.ledger, True) == DONE
        watch.check(folder)
    (fit,) = LedgerFile(watch.ledger).fits
    assert fit.outcome == "done"
    check_end(watch)


def test_the_watch_would_see_noise_that_is_used_again_and_steps_that_were_not_charged(tmp_path):
    """The controls."""
    watch = Watch(tmp_path / "ledger.jsonl")
    watch.check(tmp_path)
    for log in (
        "draw counts aa\ndraw counts bb\ndraw counts aa\n",
        "draw step aa\n",
        "draw gradient aa\n",
        "draw counts aa\n",
    ):
        Path(f"{watch.ledger}.log").write_text(log)
        with pytest.raises(AssertionError):
            watch.check(tmp_path)


@pytest.mark.slow
def test_no_kill_out_of_many_spends_unseen_or_repeats_noise(tmp_path, capsys):
    """Pitfalls 20 and 25: at least 80 kills over several fits on one dataset, whose ledger is one."""
    began = time.monotonic()
    watch, rng = Watch(tmp_path / "ledger.jsonl"), np.random.default_rng(0)
    places: Counter = Counter()
    outcomes: Counter = Counter()
    with Nursery() as nursery:
        start = time.monotonic()
        assert nursery.fit(tmp_path / "whole", watch.ledger, declares=True) == DONE
        length = time.monotonic() - start
        while places.total() < 80:
            number = outcomes.total()
            declares, folder = number % 4 > 0, tmp_path / f"checkpoint{number}"
            each = moments(watch.ledger, length, rng, declares=declares)
            code, fallen = kill_and_resume(nursery, folder, watch, each, declares=declares)
            places.update(fallen)
            outcomes["done" if code == DONE else "no room left"] += 1
    check_end(watch)
    fits = LedgerFile(watch.ledger).fits
    assert sum(fit.outcome == "done" for fit in fits) == outcomes["done"] + 1
    assert outcomes["done"] > 0
    assert {place.partition(":")[0] for place in places} >= {"release", "marginals", "dpsgd", "training"}
    total = sum((fit.held for fit in fits), Cost())
    lines = [
        f"{places.total()} kills over {outcomes.total()} fits in {time.monotonic() - began:.0f} s; "
        f"a fit alone takes {length:.1f} s",
        f"outcomes: {dict(outcomes)}; {len(draws_of(watch.ledger))} draws of noise, no two the same",
        f"all fits together hold epsilon {total.epsilon(1e-5):.2f} at delta 1e-5",
        *(f"  {count:3d} {place}" for place, count in sorted(places.items())),
    ]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
