"""The command that describes an installation: versions, devices, extras, folders, cores and memory."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import typer

from tabgan._util.version import __version__
from tabgan.cli.parts import AsJson, Debug, Quiet, exits, say

#: The distribution's name, as it is installed by.
DISTRIBUTION = "tabgan-dp"

#: Packages whose versions matter to results, besides those that the metadata of the installation require.
_MATTER = (
    "torch",
    "opacus",
    "opendp",
    "dp-accounting",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "sdmetrics",
)

#: Extras for work, with a module of each, and what they are for.
EXTRAS = {
    "pdf": ("weasyprint", "reports as PDF"),
    "people": ("faker", "made-up names and addresses (kind: pii)"),
    "excel": ("openpyxl", "Excel files"),
    "sql": ("sqlalchemy", "databases by SQLAlchemy"),
    "duckdb": ("duckdb", "DuckDB files"),
    "polars": ("polars", "Polars frames"),
    "sign": ("model_signing", "signatures of release bundles"),
    "ray": ("ray", "jobs, samples and fits on a cluster of Ray"),
}

#: Memory and disk below which a caution is given, in bytes.
_LITTLE_MEMORY, _LITTLE_DISK = 2 * 1024**3, 1024**3


@dataclass(frozen=True)
class Fact:
    """One fact about an installation.

    Attributes:
        part: Its part: versions, devices, extras, machine.
        name: Its subject.
        found: The fact.
        state: ``"ok"``, ``"caution"``, or ``"missing"`` for an extra that is not there, which is not a fault.
        fix: The command or the step that would change it; empty if there is nothing to do.
    """

    part: str
    name: str
    found: str
    state: str = "ok"
    fix: str = ""


def examine() -> list[Fact]:
    """Return what an installation has. Nothing is changed, and no network is used."""
    return [*_versions(), *_devices(), *_extras(), *_machine()]


def _versions() -> list[Fact]:
    found = [
        Fact("versions", "tabgan", __version__),
        Fact("versions", "python", platform.python_version()),
        Fact("versions", "system", platform.platform()),
    ]
    wanted = _required()
    for name in _MATTER:
        rule = f" (wanted: {wanted[name]})" if wanted.get(name) else ""
        try:
            found.append(Fact("versions", name, f"{metadata.version(name)}{rule}"))
        except metadata.PackageNotFoundError:
            fix = f"python -m pip install {name}"
            found.append(Fact("versions", name, "not installed", "caution", fix))
    return found


def _required() -> dict[str, str]:
    """Return the versions that the installation asks for, by package; none in a checkout that is not installed."""
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return {}
    plain = [line for line in lines if "extra ==" not in line]
    names = {line.split(";")[0].strip() for line in plain}
    found = {}
    for line in names:
        name = next((each for each in _MATTER if line.startswith(each)), None)
        if name is not None and not line[len(name) : len(name) + 1].isalnum():
            found[name] = line[len(name) :].strip()
    return found


def _devices() -> list[Fact]:
    try:
        import torch
    except ImportError as error:
        return [Fact("devices", "torch", f"cannot be imported ({type(error).__name__})", "caution")]
    threads = torch.get_num_threads()
    found = [Fact("devices", "cpu", f"{threads} thread{'' if threads == 1 else 's'}")]
    if torch.cuda.is_available():
        for place in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(place)
            memory = _size(facts.total_memory)
            found.append(Fact("devices", f"cuda:{place}", f"{facts.name}, {memory}"))
    else:
        found.append(Fact("devices", "gpu", "none that torch can use; device='auto' takes the CPU"))
    return found


def _extras() -> list[Fact]:
    found = []
    for extra, (module, purpose) in EXTRAS.items():
        if find_spec(module) is not None:
            found.append(Fact("extras", extra, f"installed: {purpose}"))
        else:
            fix = f'python -m pip install "{DISTRIBUTION}[{extra}]"'
            found.append(Fact("extras", extra, f"not installed: {purpose}", "missing", fix))
    return found


def _machine() -> list[Fact]:
    folder = Path(tempfile.gettempdir())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    total, free = _memory()
    found = [Fact("machine", "cores", str(cores))]
    if total is None:
        found.append(Fact("machine", "memory", "not known"))
    else:
        is_little = free is not None and free < _LITTLE_MEMORY
        left = "" if free is None else f", {_size(free)} free"
        fix = "Close other programs, or fit on a larger machine." if is_little else ""
        found.append(
            Fact("machine", "memory", f"{_size(total)}{left}", "caution" if is_little else "ok", fix)
        )
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        fix = "Set TMPDIR to a folder that can be written."
        found.append(Fact("machine", "temp folder", f"{folder}: {error.strerror}", "caution", fix))
        return found
    left_on_disk = shutil.disk_usage(folder).free
    is_little = left_on_disk < _LITTLE_DISK
    fix = "Set TMPDIR to a folder with more room: large tables are copied there." if is_little else ""
    said = f"{folder}: writable, {_size(left_on_disk)} free"
    found.append(Fact("machine", "temp folder", said, "caution" if is_little else "ok", fix))
    return found


def _memory() -> tuple[int | None, int | None]:
    """Return the machine's memory, and the part that is free, in bytes; ``None`` where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None, None
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if len(line.split()) > 1}
    return sizes.get("MemTotal"), sizes.get("MemAvailable")


def _size(n_bytes: float) -> str:
    """Return a number of bytes in GiB, or in MiB below one."""
    gib = n_bytes / 1024**3
    return f"{gib:.1f} GiB" if gib >= 1 else f"{n_bytes / 1024**2:.0f} MiB"


def doctor(quiet: Quiet = False, as_json: AsJson = False, debug: Debug = False) -> None:
    """Show what this installation has: versions, devices, extras, temp folder, cores and memory.

    Nothing is changed, and no network is used. Exit code 1 means that something needs attention.
    """
    with exits(debug):
        found = examine()
        cautions = [each for each in found if each.state == "caution"]
        parts = dict.fromkeys(each.part for each in found)
        told = {part: [asdict(each) for each in found if each.part == part] for part in parts}
        say(found={"is_well": not cautions, **told}, show=lambda: _show(found))
        raise typer.Exit(1 if cautions else 0)


def _show(found: list[Fact]) -> None:
    from rich.box import SIMPLE  # not on top: --help does not wait for it
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    signs = {"ok": Text("✓", "green"), "caution": Text("!", "bold red"), "missing": Text("○", "dim")}
    for part in dict.fromkeys(each.part for each in found):
        table = Table(box=SIMPLE, show_header=False, padding=(0, 1, 0, 0), title=part, title_justify="left")
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for each in found:
            if each.part == part:
                fix = f"\n{each.fix}" if each.fix else ""
                table.add_row(signs[each.state], Text(each.name), Text(f"{each.found}{fix}"))
        console.print(table)
    n_cautions = sum(each.state == "caution" for each in found)
    console.print(
        f"{n_cautions} need attention." if n_cautions else "All is well; ○ marks extras that are optional."
    )
