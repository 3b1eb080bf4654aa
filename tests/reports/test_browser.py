"""The page as a reader uses it, in a Chromium that is there already; skipped where it or playwright is not."""
import shutil

import pytest
from report_example import costs, example

from effsr.reports.page import write_report

playwright = pytest.importorskip('playwright.sync_api')
NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason='no Chromium on the path')]


@pytest.fixture(scope='module')
def address(tmp_path_factory):
    evaluation = example(tmp_path_factory.mktemp('pictures'))
    return write_report(evaluation, costs(), tmp_path_factory.mktemp('report')).as_uri()


@pytest.fixture(scope='module')
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield opened
        opened.close()


class Reader:
    """A page that is open, and all that it said or asked for."""

    def __init__(self, page, address):
        self.page, self.complaints, self.requests = page, [], []
        page.on('console', lambda message: self.complaints.append(message.text))
        page.on('pageerror', lambda error: self.complaints.append(str(error)))
        page.on('request', lambda request: self.requests.append(request.url))
        page.goto(address)
        self.drawn(1)

    def drawn(self, times):
        """Waits until the viewer has been drawn so many times."""
        # Not by a function: the page's own policy forbids what playwright does with one.
        self.page.wait_for_selector(f'#stage[data-drawn="{times}"]')

    def stage(self):
        """The stage's corner and size, in the middle of the window."""
        self.value("document.getElementById('stage').scrollIntoView({behavior: 'instant', block: 'center'})")
        box = self.page.locator('#stage').bounding_box()
        return box['x'], box['y'], box['width'], box['height']

    def value(self, script):
        return self.page.evaluate(script)

    def divider(self):
        return float(self.page.get_attribute('#divider', 'aria-valuenow'))

    def places(self):
        """Where both canvases lie, in pixels, read at one moment, as the page may be scrolling."""
        return self.value("""['left', 'right'].map(side => {
            const box = document.getElementById(`${side}-canvas`).getBoundingClientRect();
            return [box.x, box.y, box.width, box.height];
        })""")

    def zoom(self):
        return int(self.page.text_content('#zoom').rstrip('%'))

    def chosen(self, select):
        return self.page.locator(f'#{select} option:checked').text_content()

    def colour(self, canvas, x, y):
        return self.value(f"[...document.querySelector('{canvas}').getContext('2d').getImageData({x}, {y}, 1, 1).data]")

    def background(self):
        return self.value('getComputedStyle(document.body).backgroundColor')


@pytest.fixture
def opened(browser, address):
    """Opens the page with the given options of a browser's context; at the end nothing may have been complained of."""
    contexts, readers = [], []

    def opening(**options):
        contexts.append(browser.new_context(**{'viewport': {'width': 1280, 'height': 900}, **options}))
        readers.append(Reader(contexts[-1].new_page(), address))
        return readers[-1]

    yield opening
    for context in contexts:
        context.close()
    for reader in readers:
        assert reader.complaints == []
        assert {url for url in reader.requests if not url.startswith(('data:', 'blob:'))} == {address}


def test_the_divider_follows_the_mouse(opened):
    reader = opened()
    x, y, width, height = reader.stage()
    reader.page.mouse.move(x + width / 2, y + height / 2)
    reader.page.mouse.down()
    reader.page.mouse.move(x + width / 4, y + height / 2, steps=3)
    reader.page.mouse.up()
    assert reader.divider() == pytest.approx(25, abs=1)
    clip = reader.value("getComputedStyle(document.getElementById('left-layer')).clipPath")
    assert float(clip.split()[1].rstrip('%')) == pytest.approx(75, abs=0.5)


def test_zoom_and_pan_keep_both_in_step(opened):
    reader = opened()
    x, y, _, _ = reader.stage()
    before = reader.places()
    reader.page.mouse.move(x + 300, y + 200)
    reader.page.mouse.wheel(0, -600)
    reader.page.mouse.wheel(0, -600)
    zoomed = reader.places()
    assert zoomed[0] == zoomed[1] and zoomed[0][2] > 2 * before[0][2]
    # The point under the wheel stays: as far from the corner as before, in parts of the picture.
    was, now = before[0], zoomed[0]
    assert (x + 300 - now[0]) / now[2] == pytest.approx((x + 300 - was[0]) / was[2], abs=0.01)
    reader.page.mouse.down()
    reader.page.mouse.move(x + 340, y + 230, steps=2)
    reader.page.mouse.up()
    moved = reader.places()
    assert moved[0] == moved[1]
    assert [moved[0][0] - now[0], moved[0][1] - now[1]] == pytest.approx([40, 30], abs=1)
    assert reader.divider() == 50
    reader.page.click('#fit')
    assert reader.places() == before


def test_everything_by_keyboard(opened):
    reader = opened()
    keys = reader.page.keyboard
    reader.page.focus('#divider')
    keys.press('ArrowLeft')
    assert reader.divider() == 48
    for key, place in (('Home', 0), ('PageUp', 10), ('ArrowUp', 12), ('End', 100)):
        keys.press(key)
        assert reader.divider() == place
    whole = reader.zoom()
    keys.press('+')
    keys.press('+')
    assert reader.zoom() > 1.4 * whole
    before = reader.places()
    keys.press('Shift+ArrowRight')
    after = reader.places()
    assert after[0] == after[1] and after[0][0] == pytest.approx(before[0][0] - 40, abs=0.5)
    keys.press('0')
    assert reader.zoom() == whole
    assert reader.chosen('picture') == 'picture 0'
    keys.press(']')
    assert reader.chosen('picture') == 'picture 1'
    keys.press('[')
    keys.press('[')
    assert reader.chosen('picture') == 'picture 2'
    left = reader.chosen('left')
    keys.press('s')
    assert reader.chosen('right') == left


def test_the_wheel_scrolls_past_a_whole_picture(opened):
    reader = opened()
    x, y, _, _ = reader.stage()
    before, zoom = reader.value('scrollY'), reader.zoom()
    reader.page.mouse.move(x + 100, y + 100)
    reader.page.mouse.wheel(0, 200)
    reader.page.wait_for_timeout(300)
    assert reader.value('scrollY') > before and reader.zoom() == zoom


def test_pictures_are_shown_to_the_bit_and_low_resolution_by_nearest(opened, tmp_path):
    evaluation = example(tmp_path)
    from effsr.data.image_io import read_rgb
    files = evaluation.pictures['Drawn']['picture 0']
    reader = opened()
    assert reader.colour('#left-canvas', 7, 5)[:3] == read_rgb(files['bicubic'])[5, 7].tolist()
    reader.page.select_option('#right', label='low resolution')
    reader.drawn(2)
    assert reader.colour('#right-canvas', 3, 2)[:3] == read_rgb(files['lq'])[2, 3].tolist()
    places = reader.places()
    assert places[0] == places[1]
    assert reader.value("getComputedStyle(document.getElementById('right-canvas')).imageRendering") == 'pixelated'


def test_error_maps_have_a_legend_and_end(opened):
    reader = opened()
    reader.page.keyboard.press('e')
    reader.drawn(2)
    assert reader.page.is_visible('#legend') and 'of 255 or more' in reader.page.text_content('#legend-top')
    reader.page.select_option('#set', '1')  # without a truth there is no error
    reader.drawn(3)
    assert not reader.page.is_visible('#legend') and reader.page.is_disabled('#show-errors')
    assert 'ground truth' not in reader.page.locator('#left').inner_text()


def test_figures_beside_the_picture(opened):
    reader = opened()
    text = reader.page.inner_text('#shown-values')
    assert 'PSNR RGB' in text and 'NIQE' in text and 'LPIPS' not in text
    assert reader.page.locator('#shown-values .better').count() == 2


def test_crops_open_in_the_viewer(opened):
    reader = opened()
    reader.page.locator('#crops').scroll_into_view_if_needed()
    reader.page.wait_for_selector('#crop-lists[data-drawn]')
    crops = reader.page.locator('.crop')
    assert crops.count() > 2
    crops.first.click()
    reader.drawn(2)
    assert reader.page.locator('#mark').bounding_box()['width'] == pytest.approx(48 * reader.zoom() / 100, rel=0.02)
    left, right = reader.places()
    assert left == right
    reader.page.select_option('#crop-second', reader.page.input_value('#crop-first'))
    assert 'Choose two' in reader.page.inner_text('#crop-lists')


def test_headings_sort_their_table(opened):
    reader = opened()
    heading = reader.page.locator('.figures').first.locator('thead th').nth(3)
    figures = "[...document.querySelectorAll('.figures')][0]"
    values = f'[...{figures}.tBodies[0].rows].map(row => Number(row.cells[3].dataset.value))'
    heading.locator('button').click()
    assert reader.value(values) == sorted(reader.value(values), reverse=True)
    assert heading.get_attribute('aria-sort') == 'descending'
    heading.locator('button').click()
    assert reader.value(values) == sorted(reader.value(values))


def test_plots_follow_the_choice(opened):
    reader = opened()
    assert reader.page.locator('.plots:visible').count() == 1
    reader.page.select_option('#plot-metric', 'niqe')
    assert reader.page.locator('.plots:visible').get_attribute('data-metric') == 'niqe'
    reader.page.select_option('#plot-set', index=1)
    assert reader.page.locator('.plots:visible').get_attribute('data-set') == reader.page.input_value('#plot-set')


def test_a_telephone_has_no_sideways_scroll_and_can_pinch(opened):
    reader = opened(viewport={'width': 360, 'height': 740}, is_mobile=True, has_touch=True)
    assert reader.value('document.documentElement.scrollWidth') == 360
    left, top, width, height = reader.stage()
    before = reader.places()
    touch = reader.page.context.new_cdp_session(reader.page)
    x, y = left + width / 2, top + height / 2
    for kind, reach in (('touchStart', 40), ('touchMove', 70), ('touchMove', 120)):
        touch.send('Input.dispatchTouchEvent', {'type': kind, 'touchPoints': [
            {'x': x - reach, 'y': y, 'id': 0}, {'x': x + reach, 'y': y, 'id': 1}]})
    touch.send('Input.dispatchTouchEvent', {'type': 'touchEnd', 'touchPoints': []})
    after = reader.places()
    assert after[0] == after[1] and after[0][2] == pytest.approx(3 * before[0][2], rel=0.1)
    assert reader.value('document.documentElement.scrollWidth') == 360


def test_dark_by_the_system_and_by_the_button(opened):
    light, dark = opened().background(), opened(color_scheme='dark')
    assert light != dark.background()
    for _ in range(2):
        dark.page.click('#theme')
        told = dark.page.text_content('#theme')
        assert (dark.background() == light) == (told == 'Theme: light')


def test_the_tables_stand_without_a_script(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator('.figures tbody tr').count() == 8 and page.locator('noscript').is_visible()
    assert not page.locator('#viewer').is_visible()
    context.close()
