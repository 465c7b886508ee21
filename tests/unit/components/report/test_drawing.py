"""The style of all charts."""

from matplotlib.figure import Figure

from components.report.drawing import Line, draw_line, drawing_style, save
from components.report.svg import COLOURS


def test_equal_lines_make_equal_charts_in_colours_of_the_page():
    def draw():
        with drawing_style():
            figure = Figure()
            draw_line(figure.subplots(), Line("x", [1, 2], [3.0, 4.0], "second", "--"))
            return save(figure, "chart", "a <line>")

    chart = draw()
    assert chart == draw()
    assert 'aria-label="a &lt;line&gt;"' in chart
    assert "var(--second)" in chart and COLOURS["second"] not in chart
