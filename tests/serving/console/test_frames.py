"""Frames of regions have their numbers whole, wherever they lie; bounds on pages are never rounded down."""

import re

import pytest

from refundlens.serving.http.pages import WEB, _templates

MARK = re.compile(r'<text class="mark" x="([\d.]+)" y="([\d.]+)" font-size="([\d.]+)"')
TEMPLATES = {file.name: file.read_text("utf-8") for file in (WEB / "templates").rglob("*.html")}


@pytest.mark.parametrize("part", [20, 28])
@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (3000, 400)])
@pytest.mark.parametrize("number", [1, 12])
def test_a_number_stays_within_the_picture(part: int, width: int, height: int, number: int) -> None:
    framed = _templates().get_template("frames.html").make_module().framed  # type: ignore[attr-defined]
    for box in (
        [0, 0, 40, 40],
        [width - 16, height - 8, width, height],
        [width - 300, height - 4, width, height],
    ):
        drawn = str(framed(box, number, width, height, part))
        x, y, size = map(float, MARK.findall(drawn)[0])
        assert x >= 0 and x + 0.6 * size * len(str(number)) <= width, (box, drawn)
        assert 0.7 * size <= y <= height - 0.1 * size, (box, drawn)
        assert drawn.endswith(f">{number}</text>")


def test_pages_that_name_marks_draw_them_with_numbers() -> None:
    assert {name for name, code in TEMPLATES.items() if "frames.framed(" in code} == {
        "result.html", "track.html", "report.html", "panes.html",
    }  # fmt: skip


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_bound_is_never_made_smaller_by_writing_it(name: str) -> None:
    assert re.findall(r"(?<!bound_)percent\([^)]*bound[^)]*\)", TEMPLATES[name]) == []
