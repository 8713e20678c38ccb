"""Is the picture of the waves the one that the table gives, and can everybody read it?"""

from __future__ import annotations

from xml.etree import ElementTree

from tests.tools.waves_picture import PICTURE, TABLE, Row, current, draw, rows

SVG = "{http://www.w3.org/2000/svg}"
FEW = [
    Row("late", 10, "b", "it wants <one> & another"),
    Row("early", 0, "a", "nothing stands before it", keep=True),
    Row("side", 10, "c", "word " * 40),
]


def _texts(picture: str) -> list[str]:
    return [item.text or "" for item in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def test_the_picture_in_the_guide_is_that_of_the_table() -> None:
    assert PICTURE.read_text(encoding="utf-8") == current(), "draw it: python -m tests.tools.waves_picture"


def test_the_same_table_gives_the_same_bytes() -> None:
    assert current() == current()


def test_every_part_stands_there_with_its_wave_and_its_reason() -> None:
    shown = _texts(current())
    for row in rows(TABLE.read_text(encoding="utf-8")):
        assert {row.part, str(row.wave), row.namespace} <= set(shown)
        assert row.why in " ".join(shown)


def test_waves_come_in_their_order_and_each_once() -> None:
    shown = _texts(draw(sorted(FEW, key=lambda row: row.wave)))
    assert shown.index("early") < shown.index("late") < shown.index("side")
    assert (shown.count("0"), shown.count("10")) == (1, 1)


def test_letters_of_the_language_of_pictures_are_text() -> None:
    assert "it wants <one> & another" in _texts(draw(FEW[:1]))


def test_a_long_reason_takes_more_lines() -> None:
    assert sum(text.startswith("word") for text in _texts(draw(FEW[2:]))) > 1


def test_it_takes_nothing_from_elsewhere_and_is_read_on_light_and_dark_pages() -> None:
    picture = current()
    assert "prefers-color-scheme: dark" in picture
    assert not [word for word in ("href", "url(", "@import", "<script", "<image") if word in picture]
