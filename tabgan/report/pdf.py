"""The page on paper: the same HTML with the rules for print, by WeasyPrint, which is an extra."""

from __future__ import annotations

import logging
import re
import warnings
from typing import Any

from tabgan.errors import ConfigError

_VARIABLE, _USE = re.compile(r"--([\w-]+):\s*([^;]+);"), re.compile(r"var\(--([\w-]+)\)")

_DRAWING = re.compile(r"<svg[^>]*>")


def to_pdf(html: str) -> bytes:
    """Return a page as PDF. Nothing is fetched: the page is self-contained.

    Raises:
        ConfigError: WeasyPrint or a library that it draws with is not installed.
    """
    weasyprint = _weasyprint()
    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # it warns of every rule that only screens need
    document = weasyprint.HTML(
        string=_with_styles(html), url_fetcher=_fetcher(weasyprint), media_type="print"
    )
    result: bytes = document.write_pdf(pdf_identifier=b"tabgan", custom_metadata=False)
    return result


def check_pdf() -> None:
    """Check that a PDF can be written here.

    Raises:
        ConfigError: see :func:`to_pdf`.
    """
    _weasyprint()


def has_pdf() -> bool:
    """Return true if a PDF can be written here."""
    try:
        check_pdf()
    except ConfigError:
        return False
    return True


def _with_styles(html: str) -> str:
    """Return the page with the style rules for drawings copied into each of them, with the colours for paper.

    WeasyPrint neither applies a page's rules inside a drawing nor knows variables there.
    """
    style = html.partition("<style>")[2].partition("</style>")[0]
    drawings = style.partition("/* drawings")[2].partition("*/")[2].partition("/* end of drawings */")[0]
    screen, _, paper = style.partition("@media print")
    light = screen.partition("@media")[0]
    colours = dict(_VARIABLE.findall(light)) | dict(_VARIABLE.findall(paper))
    rules = _USE.sub(lambda use: colours.get(use[1], "#000"), drawings).replace("\n", " ").strip()
    return _DRAWING.sub(lambda tag: f"{tag[0]}<style>{rules}</style>", html)


def _weasyprint() -> Any:
    try:
        with warnings.catch_warnings():
            # Of a library that a later version of WeasyPrint will need: nothing that a user could act on here.
            warnings.filterwarnings("ignore", "HarfBuzz-Subset", DeprecationWarning)
            import weasyprint
    except (ImportError, OSError) as error:  # OSError: Pango or another library of the system is missing
        raise ConfigError(
            f"report: a PDF needs WeasyPrint, which cannot be imported ({type(error).__name__}: {error}). "
            'Install it with pip install "tabgan-dp[pdf]", or write the page and print it from a browser.'
        ) from error
    return weasyprint


def _fetcher(weasyprint: Any) -> Any:
    """Return a fetcher that refuses every address."""
    if hasattr(weasyprint, "URLFetcher"):
        return weasyprint.URLFetcher(allowed_protocols=())
    return _refuse  # WeasyPrint before version 68 takes a function


def _refuse(url: str, *_: object, **__: object) -> dict[str, Any]:
    raise ValueError(f"report: the page asked for {url[:80]!r}; it must be self-contained.")
