from __future__ import annotations

import io
import re
import sys

import pypdf
import pytest

from tabgan.errors import ConfigError
from tabgan.report import Report, to_html, write
from tabgan.report.pdf import _with_styles, check_pdf, to_pdf


def test_without_the_extra_the_error_names_it(data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(ConfigError, match=r'pip install "tabgan-dp\[pdf\]"'):
        write(data, tmp_path / "report.pdf")
    assert list(tmp_path.iterdir()) == []


def test_drawings_carry_their_colours(full):
    """A PDF's drawings know neither the page's rules nor variables: without this they would be black."""
    html = to_html(full)
    drawn = _with_styles(html)
    styles = re.findall(r"<svg[^>]*><style>(.*?)</style>", drawn)
    assert len(styles) == html.count("<svg")
    (style,) = set(styles)
    assert "var(" not in style
    for rule in (
        ".line { fill: none; stroke: #333",
        ".diverging .p5 { fill: #35125e; }",
        ".area { fill: #0072b2",
    ):
        assert rule in style


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestPages:
    @pytest.fixture(autouse=True)
    def _needs(self):
        try:
            check_pdf()
        except ConfigError as error:  # Pango, a library of the system, is no package of Python's
            pytest.skip(str(error))

    @pytest.mark.family
    @pytest.mark.parametrize(
        ("which", "mark"),
        [
            pytest.param("data", "INTERNAL", marks=pytest.mark.slow),
            ("shareable", "SHAREABLE"),
            pytest.param("full", "INTERNAL", marks=pytest.mark.slow),
        ],
    )
    def test_every_page_has_the_running_header(self, request, which, mark, tmp_path):
        path = Report(request.getfixturevalue(which)).to_pdf(tmp_path / "report.pdf")
        pages = pypdf.PdfReader(io.BytesIO(path.read_bytes())).pages
        assert len(pages) > 5
        for number, page in enumerate(pages, start=1):
            text = page.extract_text()
            assert f"{mark} –" in text
            assert f"{number} / {len(pages)}" in text

    def test_the_same_page_gives_the_same_bytes(self):
        page = "<style>p { color: red; }</style><p>x</p>"
        assert to_pdf(page) == to_pdf(page)

    def test_fetches_nothing(self):
        html = '<main><p>x</p><img src="file:///etc/hostname" alt=""></main>'
        assert to_pdf(html)[:5] == b"%PDF-"
