"""A page in a real browser: sorting, opening, names that stay text, phones, dark, paper.

The tests are skipped without Debian's chromium and chromium-driver, and fail without them if
SEQJAX_BROWSER is "required". With SEQJAX_PICTURES=folder, screenshots are left there to be looked
at.
"""

import os
import pathlib

import pytest
from support import browser
from support import pages as made_up

from experiments.cli import pages, reports

MISSING = not (browser.CHROMIUM and browser.DRIVER)
REASON = "BROWSER TESTS SKIPPED: apt-get install chromium chromium-driver (Debian) for them"
REQUIRED = os.environ.get("SEQJAX_BROWSER") == "required"
pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.subprocess,
    pytest.mark.skipif(MISSING and not REQUIRED, reason=REASON),
]
SIZES = {
    "light": {},
    "dark": {"dark": True},
    "phone": {"width": 375, "height": 800},
    "phone_dark": {"width": 375, "height": 800, "dark": True},
    "paper": {"media": "print", "width": 800},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pages")
    results = made_up.results(path / "made_up")
    reports.report(results)
    pages.write_index(path, [results])
    return path


@pytest.fixture(scope="module")
def driver():
    assert not MISSING, REASON
    with browser.browser() as started:
        yield started


@pytest.fixture
def page(driver, folder):
    browser.emulate(driver)
    driver.get((folder / "made_up" / "report.html").as_uri())
    yield driver
    assert driver.title == "made_up"  # no name ran as a script
    assert not driver.get_log("browser")


def find(page, selector):
    return page.find_element("css selector", selector)


def first_labels(page, column=1):
    cells = page.find_elements("css selector", f"#table-1 tr > :nth-child({column})")
    return [cell.text.split("\n")[0] for cell in cells[1:]]


def press(page, *keys):
    from selenium.webdriver.common.action_chains import ActionChains

    for key in keys:
        ActionChains(page).send_keys(key).perform()


def active(page, script="e.id || e.className || e.textContent"):
    return page.execute_script(f"const e = document.activeElement; return {script}")


TABLE = "table[aria-describedby='table-1-caption']"


def column(page, number):
    script = (
        f'return [...document.querySelector("{TABLE}").tBodies[0].rows]'
        f".map((row) => row.cells[{number}].dataset.sort || row.cells[{number}].textContent)"
    )
    return page.execute_script(script)


def test_a_click_sorts_up_down_and_back(page):
    original = column(page, 1)
    button = find(page, f"{TABLE} th:nth-child(2) button")
    head = find(page, f"{TABLE} th:nth-child(2)")
    for expected, order in (("ascending", 1), ("descending", -1)):
        button.click()
        assert head.get_attribute("aria-sort") == expected
        assert column(page, 1) == sorted(original, key=lambda text: order * float(text))
        assert expected in find(page, "#status").get_attribute("textContent")
    button.click()
    assert head.get_attribute("aria-sort") is None and column(page, 1) == original


def test_names_are_sorted_as_text_by_the_keyboard(page):
    from selenium.webdriver.common.keys import Keys

    page.execute_script(f'document.querySelector("{TABLE} th button").focus()')
    press(page, Keys.ENTER)
    names = column(page, 0)
    assert names[-1] == made_up.RTL and set(names) > {made_up.HOSTILE, made_up.EMOJI}
    assert names.index("plain") < names.index(made_up.LONG[:160] + "…")
    press(page, Keys.SPACE)
    assert column(page, 0) == names[::-1]
    press(page, Keys.TAB, Keys.ENTER)  # the next column; one is sorted at a time
    assert len(page.find_elements("css selector", f"{TABLE} [aria-sort]")) == 1


def test_cells_open_their_runs_and_lead_back_by_the_keyboard(page):
    from selenium.webdriver.common.keys import Keys

    link = find(page, f"{TABLE} tbody tr:last-child td:last-child a")
    name = link.get_attribute("data-opens")
    assert not find(page, f"#{name}").is_displayed()
    page.execute_script("arguments[0].focus()", link)
    press(page, Keys.ENTER)
    runs = find(page, f"#{name}")
    assert runs.is_displayed() and "collapsed" in runs.text and "was selected" in runs.text
    assert active(page, "e.parentElement.id") == name
    assert runs.find_element("css selector", "svg.curve").size["width"] == 120
    back = runs.find_element("css selector", "a[data-closes]")
    page.execute_script("arguments[0].focus()", back)
    press(page, Keys.ENTER)
    assert active(page, "e.dataset.opens") == name and not runs.get_attribute("open")


def test_a_link_to_the_content_is_the_first_stop_and_focus_is_visible(page):
    from selenium.webdriver.common.keys import Keys

    press(page, Keys.TAB)
    assert active(page, "e.className") == "skip"
    assert find(page, ".skip").rect["x"] >= 0
    width = "parseFloat(getComputedStyle(e).outlineWidth)"
    assert active(page, width) >= 2
    press(page, Keys.ENTER)
    assert active(page, "e.id") == "main"


def test_hostile_names_are_text_and_the_page_loads_nothing(page):
    assert made_up.HOSTILE in find(page, f"{TABLE} tbody").text
    count = "return document.querySelectorAll('img, iframe, b, link').length"
    assert page.execute_script(count) == 0
    loaded = "return performance.getEntriesByType('resource').length"
    assert page.execute_script(loaded) == 0
    injected = "const i = document.createElement('img'); i.setAttribute('onerror', "
    injected += "\"document.title='hit'\"); i.src = 'x'; document.body.append(i);"
    page.execute_script(injected)  # the policy of the page forbids it even as markup
    page.execute_async_script("setTimeout(arguments[0], 200)")
    assert page.title == "made_up" and page.get_log("browser")


@pytest.mark.parametrize("name", SIZES)
def test_the_page_fits_and_is_readable(page, name, tmp_path):
    browser.emulate(page, **SIZES[name])
    page.refresh()
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.execute_script(wide) == 0  # tables scroll in their box
    paper = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == ("dark" not in name)
    hidden = name == "paper"
    assert find(page, "details.runs").is_displayed() != hidden
    assert find(page, ".drawing svg").is_displayed()
    folder = pathlib.Path(os.environ.get("SEQJAX_PICTURES") or tmp_path)
    browser.picture(page, folder / f"page_{name}.png")
    assert (folder / f"page_{name}.png").stat().st_size > 10_000


def test_the_index_leads_to_the_page(page, folder):
    page.get((folder / "index.html").as_uri())
    find(page, "tbody a").click()
    assert find(page, "h1").text == "made_up"
