"""The page in a browser: what no parser sees."""

from __future__ import annotations

import shutil
from itertools import pairwise

import pytest

from tabgan.report import write

playwright_api = pytest.importorskip("playwright.sync_api")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip

#: Text of an element with what lies behind it, by the style that the browser computed.
CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (item) => {
    for (let at = item; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return rgb(getComputedStyle(document.documentElement).backgroundColor);
  };
  const found = [];
  document.querySelectorAll("body *").forEach((item) => {
    const own = Array.from(item.childNodes).some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || item.closest(".visually-hidden, .skip, script, style") || !item.getClientRects().length) return;
    const isDrawn = item.namespaceURI.endsWith("svg");
    const style = getComputedStyle(item);
    const [a, b] = [light(rgb(isDrawn ? style.fill : style.color)), light(behind(item))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${item.tagName} ${ratio.toFixed(2)} ${item.textContent.slice(0, 30)}`);
  });
  return found;
}"""


@pytest.fixture(scope="module")
def browser():
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(full, tmp_path_factory):
    return write(full, tmp_path_factory.mktemp("page") / "report.html").as_uri()


@pytest.fixture
def opened(browser, address):
    """Return a function that opens the page; at the end nothing has been said, broken or fetched."""
    faults, contexts = [], []

    def open_page(width=1280, script=True, **options):
        context = browser.new_context(
            viewport={"width": width, "height": 800}, java_script_enabled=script, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: request.url == address or faults.append(request.url))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def shown_columns(page, within):
    return [
        item.get_attribute("data-column") for item in page.locator(f"{within} [data-column]:visible").all()
    ]


class TestContents:
    def test_every_link_leads_to_its_section_and_is_marked(self, opened):
        page = opened()
        links = page.locator("nav a")
        assert links.count() == 14
        for i in range(links.count()):
            link = links.nth(i)
            link.click()
            place = page.locator(link.get_attribute("href"))
            box = place.locator("h2").bounding_box()
            assert -1 <= box["y"] < 800, link.inner_text()
        page.locator("nav a", has_text="Fidelity").click()
        playwright_api.expect(page.locator("nav a[aria-current=location]")).to_have_text("Fidelity")

    def test_without_the_script_all_is_there(self, opened):
        page = opened(script=False)
        assert page.locator("#overlays [data-column]:visible").count() == 12
        assert page.locator(".filter:visible").count() == 0


class TestFilter:
    @pytest.mark.parametrize("box", ["#filter-fidelity", "#filter-overlays"])
    def test_narrows_both_lists_and_escape_restores(self, opened, zoo, box):
        page = opened()
        page.locator(box).fill("ON")
        for within in ("#overlays", "#fidelity"):
            assert set(shown_columns(page, within)) == {"constant", "zoned"}
        playwright_api.expect(page.locator("#filter-status")).to_have_text("2 of 12 columns shown")
        page.locator(box).press("Escape")
        for within in ("#overlays", "#fidelity"):
            assert len(shown_columns(page, within)) == 12
        assert [item.input_value() for item in page.locator(".filter input").all()] == ["", ""]

    def test_hostile_names_can_be_looked_for(self, opened):
        page = opened()
        page.locator("#filter-overlays").fill("</script>")
        assert len(shown_columns(page, "#overlays")) == 1

    def test_a_link_to_a_hidden_column_shows_it(self, opened):
        page = opened()
        page.locator("#filter-overlays").fill("income")
        page.evaluate("location.hash = '#column-0'")
        playwright_api.expect(page.locator("#column-0")).to_be_visible()

    def test_the_keyboard_reaches_it_and_focus_is_seen(self, opened):
        page = opened()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        for _ in range(200):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "filter-fidelity":
                break
        assert page.evaluate("document.activeElement.id") == "filter-fidelity"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_print_unfolds_text_and_folds_it_again(opened):
    """Tables behind the charts and single releases stay folded, and so stay out."""
    page = opened()
    before = page.locator("details[open]").count()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details.kept:not([open])").count() == 0
    assert page.locator("details:not([open])").count() > 10
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(opened, scheme):
    page = opened(color_scheme=scheme)
    assert page.evaluate(CONTRAST) == []
    page.evaluate("document.querySelector('h1').style.color = 'rgb(140, 140, 140)'")
    page.evaluate("document.querySelector('h1').style.background = 'rgb(128, 128, 128)'")
    assert len(page.evaluate(CONTRAST)) > 0  # the check would see it


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_overflows(opened, width):
    page = opened(width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_landmarks_and_headings_are_in_order(opened):
    page = opened()
    for landmark in ("header", "nav", "main", "footer"):
        assert page.locator(landmark).count() >= 1
    levels = page.evaluate(
        "Array.from(document.querySelectorAll('h1, h2, h3, h4')).map((h) => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
