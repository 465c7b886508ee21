"""Pages are opened in the user's browser."""

import shlex
import sys

from pipeline.cli.browser import open_page


def test_a_page_is_opened_by_its_address(tmp_path, monkeypatch):
    opened, page = tmp_path / "opened", tmp_path / "a page.html"
    script = f"import sys; open({str(opened)!r}, 'w').write(sys.argv[1])"
    monkeypatch.setenv("BROWSER", shlex.join([sys.executable, "-c", script, "%s"]))
    monkeypatch.setattr("webbrowser._tryorder", None)
    assert open_page(page) == 0
    assert opened.read_text() == page.as_uri()


def test_without_a_browser_the_page_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("webbrowser._tryorder", [])  # as on a machine without a browser
    assert open_page(tmp_path / "page.html") == 1
    assert f"No browser was found: open {tmp_path}/page.html" in capsys.readouterr().err
