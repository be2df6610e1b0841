"""The widgets' scripts alone, on an empty page of a headless Chromium: what they draw, and what they say back."""

import base64
from pathlib import Path

import numpy as np
import pytest
from test_inspector_browser import CHROMIUM, FLAGS, pytestmark, sync_playwright  # noqa: F401

from trs_lab.inspect.parts import STATIC

EVIL = "<img src=x onerror='window.ran = true'>"
# The part of a model that anywidget gives to a script, with the state that Python would have sent.
SHOW = """async ({ script, style, state, bytes, inside }) => {
  document.body.innerHTML = `<style>${style}</style>${inside}<div id="widget"></div>`;
  const heard = {};
  for (const [name, text] of Object.entries(bytes))
    state[name] = new DataView(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
  window.sent = [];
  window.model = {
    get: name => state[name],
    set(name, value) {
      const changes = typeof name === "string" ? { [name]: value } : name;
      for (const [k, v] of Object.entries(changes)) { state[k] = v; (heard[`change:${k}`] || []).forEach(f => f()); }
    },
    save_changes() {},
    send: message => window.sent.push(message),
    on: (names, f) => names.split(" ").forEach(n => (heard[n] ??= []).push(f)),
    off() {},
  };
  const module = await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
  const widget = document.querySelector("#widget"), around = document.querySelector("#around");
  if (around) around.append(widget);
  module.default.render({ model: window.model, el: widget });
}"""


@pytest.fixture(scope="module")
def page():
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport=dict(width=900, height=700))
        page.on("pageerror", lambda e: pytest.fail(f"the script failed: {e}"))
        yield page
        browser.close()


def show(page, script, style, inside="", **state):
    """`inside` is HTML beside the widget; if it has an element #around, the widget is in there."""
    packs = {k: base64.b64encode(v).decode() for k, v in state.items() if isinstance(v, bytes)}
    state = {k: v for k, v in state.items() if k not in packs}
    given = dict(script=(STATIC / script).read_text(), style=(STATIC / style).read_text(), state=state)
    page.evaluate(SHOW, given | dict(bytes=packs, inside=inside))


def state_of(widget):
    return {k: getattr(widget, k) for k in widget.keys if not k.startswith("_") and k not in ("layout",)}


def assert_text_only(page):
    assert page.evaluate("window.ran") is None and not page.locator("#widget img").count()


def frames(n=40):
    return (np.arange(n, dtype=np.uint8)[:, None, None, None] * np.ones((1, 24, 32, 3), np.uint8)) * 5


def test_a_clip_is_decoded_played_and_stepped(page):
    from trs_lab.inspect.player import ClipPlayer

    player = ClipPlayer()
    player.show(frames(), title=EVIL)
    show(page, "player.js", "player.css", **state_of(player))
    page.locator(".trs-player[data-ready=true]").wait_for()
    assert page.locator(".trs-title").inner_text() == EVIL
    page.locator(".trs-player").focus()
    page.keyboard.press("ArrowRight")
    page.locator(".trs-player[data-frame='1'] canvas[data-drawn='1']").wait_for()
    page.keyboard.press("]")  # the next segment
    assert page.locator(".trs-player").get_attribute("data-frame") == str(player.segments[1][0])
    page.keyboard.press(" ")
    page.wait_for_function("Number(document.querySelector('.trs-player').dataset.frame) > 14")
    page.keyboard.press(" ")
    assert page.evaluate("model.get('playing')") is False
    assert_text_only(page)


def test_the_original_keeps_step_and_segments_say_what_they_are_worth(page):
    from trs_lab.inspect.player import ClipPlayer, pack_each

    player = ClipPlayer()
    player.show(frames(), title="a")
    player.show_original(pack_each(np.kron(f, np.ones((4, 4, 1), np.uint8)) for f in frames()), EVIL)
    player.shade(np.arange(len(player.segments)), [EVIL] * len(player.segments))
    show(page, "player.js", "player.css", **state_of(player))
    page.locator(".trs-player[data-original=ready][data-ready=true]").wait_for()
    page.locator(".trs-player").focus()
    page.keyboard.press("ArrowRight")
    page.locator(".trs-original canvas[data-drawn='1'][width='128']").wait_for()
    assert EVIL in page.locator(".trs-segment").first.get_attribute("title")
    page.evaluate("model.set('weights', model.get('weights').map(w => 1 - w))")
    assert page.locator(".trs-player").get_attribute("data-frame") == "1", "shading is no new start"
    page.evaluate("model.set('original', null)")
    page.locator(".trs-original").wait_for(state="hidden")
    assert_text_only(page)


RATER = """<div id="around" class="trsi-inspector">
<span class="trsi-score"><input></span><span class="trsi-note"><input></span><button>7</button></div>"""


def test_a_score_is_typed_and_stepped_with_the_keys(page):
    show(page, "keys.js", "inspector.css", RATER, taken=["s", "ArrowUp", "ArrowDown", "Enter"], beats=0)
    page.locator("#around[tabindex='0']").focus()
    page.keyboard.type("7.5")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")  # the field is left
    page.wait_for_function("document.activeElement.id === 'around'")
    page.keyboard.type("s")
    page.keyboard.type("nlate")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'around'")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type("x")
    page.locator("button").focus()
    page.keyboard.press("Enter")  # presses the button, and nothing else
    sent = [dict(up="7.5"), dict(score="7.5"), dict(key="s"), dict(note="late")]
    assert page.evaluate("sent.filter(m => !m.beat)") == [*sent, dict(key="ArrowDown"), dict(key="Enter")]


def test_a_cell_of_the_attention_is_held(page):
    from trs_lab.inspect.player import ComparisonView

    view, attention = ComparisonView(), np.eye(3)
    numbers = dict(score=60.0, delta=5.0, sigma=1.0, attention=attention)
    segments = [(0, 16), (10, 26), (24, 40)]
    view.show(frames(), [numbers | dict(title=EVIL, frames=frames()[::-1])], title=EVIL, segments=segments)
    show(page, "player.js", "player.css", **state_of(view))
    page.locator(".trs-comparison[data-ready=true]").wait_for()
    assert page.locator(".trs-clip").count() == 2
    page.locator(".trs-cell[data-row='1'][data-col='2']").click()
    assert page.evaluate("model.get('cell')") == [0, 1, 2]
    page.locator("[data-clip='0'][data-frame='18']").wait_for()  # the middle of segment 2 ...
    page.locator("[data-clip='1'][data-frame='32']").wait_for()  # ... beside that of segment 3
    assert EVIL in page.locator(".trs-readout").inner_text()
    assert_text_only(page)


def test_the_table_reports_clicks(page):
    rows, columns = [["a", "1.0"], [EVIL, "2.0"]], [["clip_id", "clip", True], ["student", "student", False]]
    state = dict(by="student", says=EVIL, selection=[], current="a", first=True, last=False)
    show(page, "table.js", "inspector.css", rows=rows, columns=columns, **state)
    assert page.locator("tr.cur").inner_text().split() == ["a", "1.0"]
    page.locator("tbody tr").nth(1).click()
    page.locator("button[title='further rows']").click()
    assert page.evaluate("sent") == [dict(click=EVIL), dict(page=1)]
    assert page.locator("button[title='earlier rows']").is_disabled()
    assert_text_only(page)


# Widgets of the real anywidget, whose modules take six seconds to load, on a page without JupyterLab around it.
HEARS = """async ({ anywidget, patience }) => {
  class Model {
    constructor(state) { this.state = state; this.listeners = {}; this.heard = []; this.initialize(); }
    initialize() {}
    get(name) { return this.state[name]; }
    set(name, value) { this.state[name] = value; (this.listeners[`change:${name}`] || []).forEach((f) => f(this)); }
    on(name, f) { (this.listeners[name] ??= []).push(f); }
    once() {}
    save_changes() {}
    send() {}
    off() {}
    async _handle_comm_msg(message) { this.heard.push(message); }
  }
  let made;
  window.define = (_, widgets) => { made = widgets({ DOMWidgetModel: Model, DOMWidgetView: class {} }); };
  const script = document.createElement("script");
  script.textContent = anywidget;
  document.head.append(script);
  const wait = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
  const slow = "await new Promise((done) => setTimeout(done, 6000)); export default { render() {} };";
  const tell = async (widget, message) => widget._handle_comm_msg(message).catch(() => {});
  const widget = () => new made.AnyModel({ _esm: slow, _anywidget_id: "slow" });
  const before = widget();
  await Promise.all([tell(before, "early"), wait(7)]);
  await tell(before, "late");
  const alone = [...before.heard];
  new made.AnyModel({ _esm: patience, _anywidget_id: "patience" });
  while (!made.AnyModel.prototype.patient) await wait(0.1);
  const after = widget();
  await tell(after, "early");
  await tell(before, "late");
  return { alone, before: before.heard, after: after.heard };
}"""


def test_a_slow_page_does_not_make_widgets_deaf(page):
    import anywidget

    library = (Path(anywidget.__file__).parent / "nbextension" / "index.js").read_text()
    empty = page.context.browser.new_page()  # where anywidget may complain
    found = empty.evaluate(HEARS, dict(anywidget=library, patience=(STATIC / "patience.js").read_text()))
    empty.close()
    assert found["alone"] == [], "anywidget has mended this: patience.js may go"
    assert (found["before"], found["after"]) == (["late"], ["early"])
