"""What every page must be in a browser: self-contained, readable, as wide as the window."""

from __future__ import annotations

from pathlib import Path

from tests.integration.browser import Browser

# Words that stand on their background with too little contrast, by the rule of WCAG 2.
FAINT = """
(() => {
  const parse = text => {
    const numbers = text.match(/[\\d.]+/g).map(Number);
    const scale = text.startsWith('color(') ? 255 : 1;
    return [...numbers.slice(0, 3).map(n => n * scale), numbers.length > 3 ? numbers[3] : 1];
  };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3]));
  const background = e => {
    if (!e) return [255, 255, 255];
    const own = parse(getComputedStyle(e).backgroundColor);
    return own[3] === 1 ? own.slice(0, 3) : over(own, background(e.parentElement));
  };
  const luminance = rgb => {
    const [r, g, b] = rgb.map(v => v / 255).map(
      v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const faint = [];
  for (const e of document.querySelectorAll('body *')) {
    const words = [...e.childNodes].filter(n => n.nodeType === 3 && n.data.trim());
    if (!words.length || !e.getClientRects().length) continue;
    const style = getComputedStyle(e);
    const colour = e.closest('svg') ? style.fill : style.color;
    const [a, b] = [luminance(parse(colour).slice(0, 3)), luminance(background(e))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) faint.push([words[0].data.trim(), ratio]);
  }
  return faint;
})()
"""
# Words of a chart that stick out of it.
CUT_OFF = """
[...document.querySelectorAll('svg')].flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(text => {
    const box = text.getBoundingClientRect();
    return box.left < frame.left - 1 || box.right > frame.right + 1
      || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
  }).map(text => text.textContent);
})
"""
NAMELESS = """
[...document.querySelectorAll('svg, [role=region], table')].filter(
  e => !(e.getAttribute('aria-label') || e.querySelector('caption')
    || e.closest('[aria-label]'))).length
"""


def check_page(browser: Browser, file: Path, scheme: str, width: int) -> None:
    """Opens a page with all its details, and checks what holds for every page.

    Args:
      browser: browser to open it in.
      file: the page.
      scheme: `light` or `dark`.
      width: width of the window in pixels, that of a phone below 500.
    """
    browser.call(
        "Emulation.setDeviceMetricsOverride",
        **{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.call("Emulation.setEmulatedMedia", features=[feature])
    browser.call("Log.enable")
    browser.open(file.as_uri())
    browser.run("document.querySelectorAll('details').forEach(e => e.open = true)")

    assert browser.errors == []
    assert browser.run("performance.getEntriesByType('resource').map(e => e.name)") == []
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("getComputedStyle(document.body).backgroundColor") == (
        "rgb(243, 245, 248)" if scheme == "light" else "rgb(14, 18, 23)"
    )
    assert browser.run(FAINT) == []
    assert browser.run(CUT_OFF) == []
    assert browser.run(NAMELESS) == 0
    ids = browser.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
