"""Environments in which tests pass: ``nox -s newest-3.12``, ``lowest``, ``pandas3``, ``ray``, ``formats``, ``docs``.

Arguments after ``--`` go to pytest.
"""

from __future__ import annotations

import nox

PROJECT = nox.project.load_toml("pyproject.toml")["project"]
DEPENDENCIES: list[str] = PROJECT["dependencies"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
TOOLS = [each for each in EXTRAS["test"] if not each.startswith(("mypy", "ruff"))]

nox.options.sessions = ["newest-3.11", "lowest", "pandas3"]


@nox.session(python=["3.11", "3.12", "3.13"])
def newest(session: nox.Session) -> None:
    """Run the tests with the newest versions that go together."""
    session.install(".", *TOOLS)
    _test(session)


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    """Run the tests with the lowest version that is declared of each direct dependency."""
    lowest_of = [each.split(",")[0].replace(">=", "==") for each in DEPENDENCIES]
    session.install(*lowest_of, *TOOLS)
    session.install("--no-deps", ".")
    _test(session)


@nox.session(python="3.11")
def pandas3(session: nox.Session) -> None:
    """Run the tests with pandas 3 and without sdmetrics, which does not take it yet."""
    others = [each for each in DEPENDENCIES if not each.startswith(("pandas", "sdmetrics"))]
    session.install(*others, "pandas>=3", *TOOLS)
    session.install("--no-deps", ".")
    _test(session)


@nox.session(python="3.11")
def ray(session: nox.Session) -> None:
    """Run the tests on a cluster of Ray of four nodes on this machine, one of which is killed now and then."""
    session.install(".[ray]", *TOOLS)
    session.run("python", "-m", "pytest", "-m", "slow or not slow", "tests/ray", *session.posargs)


@nox.session(python="3.11")
def formats(session: nox.Session) -> None:
    """Run the tests of bundles with the libraries that sign them, and with those of the formats that describe them."""
    session.install(".[sign]", *TOOLS, "frictionless", "jsonschema", "mlcroissant", "rdflib")
    session.run("python", "-m", "pytest", "tests/bundle", *session.posargs)


@nox.session(python="3.11")
def docs(session: nox.Session) -> None:
    """Build the site with warnings as errors, and run the notebooks and pages that are code."""
    session.install(".", *TOOLS, *EXTRAS["docs"])
    session.run("python", "-m", "mkdocs", "build", "--strict")
    session.run("python", "-m", "pytest", "-m", "slow or not slow", "tests/test_site.py", *session.posargs)


def _test(session: nox.Session) -> None:
    session.run("python", "-m", "pip", "list")
    session.run("python", "-m", "pytest", *session.posargs)
