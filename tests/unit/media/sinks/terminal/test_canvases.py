"""What is sent to a terminal is drawn again here, by a small terminal of our own, and compared."""

from __future__ import annotations

import base64
import re
import zlib

import numpy as np
import pytest

from lanline.media.api import Size
from lanline.media.sinks.terminal.canvas import Area
from lanline.media.sinks.terminal.cells import HalfBlocks, Letters
from lanline.media.sinks.terminal.kitty import Kitty
from lanline.media.sinks.terminal.sixel import Sixel

AREA = Area(Size(20, 6), Size(8, 16))
_CELL = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m▀|\x1b\[0m|(.)")
_CELL_256 = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[38;5;(\d+);48;5;(\d+)m▀|\x1b\[0m|(.)")


def picture(height: int, width: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


class Screen:
    def __init__(self) -> None:
        self.pixels = np.zeros((12, 20, 3), dtype=np.uint8)

    def take(self, data: bytes) -> int:
        """How many cells were drawn."""
        row = column = drawn = 0
        for found in _CELL.finditer(data.decode()):
            assert not found[9], f"{found[9]!r} would be shown"
            if found[1]:
                row, column = int(found[1]) - 1, int(found[2]) - 1
            elif found[3]:
                self.pixels[2 * row, column] = [int(found[index]) for index in (3, 4, 5)]
                self.pixels[2 * row + 1, column] = [int(found[index]) for index in (6, 7, 8)]
                column += 1
                drawn += 1
        return drawn


def test_half_blocks_show_every_pixel_in_its_colour() -> None:
    screen, wanted = Screen(), picture(12, 20)
    screen.take(HalfBlocks(true_colour=True).draw(wanted, AREA))
    assert (screen.pixels == wanted).all()


def test_a_smaller_picture_is_in_the_middle() -> None:
    screen, wanted = Screen(), picture(8, 10)
    screen.take(HalfBlocks(true_colour=True).draw(wanted, AREA))
    assert (screen.pixels[2:10, 5:15] == wanted).all()
    assert not screen.pixels[:2].any()


def test_only_what_changed_is_sent_and_what_no_eye_sees_is_no_change() -> None:
    canvas, screen, wanted = HalfBlocks(true_colour=True), Screen(), picture(12, 20) // 2 + 20
    screen.take(canvas.draw(wanted, AREA))
    assert screen.take(canvas.draw(wanted + np.uint8(2), AREA)) == 0
    wanted = wanted.copy()
    wanted[4, 7:9] = 255
    assert screen.take(canvas.draw(wanted, AREA)) == 2
    assert (screen.pixels == wanted).all()
    canvas.forget()
    assert screen.take(canvas.draw(wanted, AREA)) == 120


def test_small_changes_add_up_to_one_that_is_seen() -> None:
    canvas, screen = HalfBlocks(true_colour=True), Screen()
    for level in range(100, 140, 2):
        screen.take(canvas.draw(np.full((12, 20, 3), level, dtype=np.uint8), AREA))
    assert abs(int(screen.pixels.min()) - 138) <= 3


def colour_256(index: int) -> list[int]:
    if index >= 232:
        return [8 + 10 * (index - 232)] * 3
    steps = [0, 95, 135, 175, 215, 255]
    index -= 16
    return [steps[index // 36], steps[index // 6 % 6], steps[index % 6]]


@pytest.mark.parametrize(
    "colour", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (255, 0, 0), (10, 200, 90), (95, 135, 175)]
)
def test_of_256_colours_a_near_one_is_taken(colour: tuple[int, int, int]) -> None:
    data = HalfBlocks(true_colour=False).draw(np.full((12, 20, 3), colour, dtype=np.uint8), AREA)
    cells = [found for found in _CELL_256.finditer(data.decode()) if found[3]]
    assert len(cells) == 120
    for index in (int(cells[0][3]), int(cells[0][4])):
        assert np.abs(np.array(colour_256(index)) - colour).max() <= 40


def test_letters_are_denser_where_it_is_brighter() -> None:
    ramp = np.zeros((6, 20, 3), dtype=np.uint8)
    ramp[:] = np.linspace(0, 255, 20, dtype=np.uint8)[None, :, None]
    shown = Letters().draw(ramp, AREA).decode()
    assert "m" not in shown, "no colour is set"
    rows = re.split(r"\x1b\[\d+;\d+H", shown)[1:]
    assert len(rows) == 6
    assert rows[0][0] == " "
    assert rows[0][-1] == "@"
    assert len(set(rows[0])) > 8


def decoded_sixels(data: bytes) -> np.ndarray:
    found = re.search(rb'\x1bP0;1q"1;1;(\d+);(\d+)(.*)\x1b\\', data, re.DOTALL)
    assert found
    width, height, body = int(found[1]), int(found[2]), found[3]
    palette: dict[int, list[int]] = {}
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    x = y = 0
    colour = [0, 0, 0]
    for token in re.finditer(rb"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([?-~])|([$-])", body):
        if token[1]:
            palette[int(token[1])] = [round(int(token[index]) * 2.55) for index in (2, 3, 4)]
        elif token[5]:
            colour = palette[int(token[5])]
        elif token[9] == b"$":
            x = 0
        elif token[9] == b"-":
            x, y = 0, y + 6
        else:
            bits = (token[7] or token[8])[0] - 63
            for _ in range(int(token[6] or 1)):
                for row in range(6):
                    if bits >> row & 1:
                        pixels[y + row, x] = colour
                x += 1  # noqa: SIM113 -- it goes on over the runs
    return pixels


def test_sixels_show_the_picture() -> None:
    y, x = np.mgrid[0:90, 0:120]
    wanted = np.stack([x * 2, y * 2, (x + y)], axis=2).astype(np.uint8)
    shown = decoded_sixels(Sixel(640).draw(wanted, AREA))
    assert shown.shape == wanted.shape
    blocks = np.abs(shown.astype(int) - wanted).reshape(9, 10, 12, 10, 3)
    assert blocks.max() < 60
    means = (shown.astype(float) - wanted).reshape(9, 10, 12, 10, 3).mean(axis=(1, 3))
    assert np.abs(means).max() < 15  # the pattern evens out


def test_equal_sixels_are_told_once() -> None:
    data = Sixel(640).draw(np.full((96, 160, 3), 255, dtype=np.uint8), AREA)
    assert (decoded_sixels(data) == 255).all()
    assert len(data) < 6000 + 16 * 30


@pytest.mark.parametrize("height", [89, 90, 91])
def test_a_height_of_any_number_of_rows_stays_within_the_picture(height: int) -> None:
    assert decoded_sixels(Sixel(640).draw(picture(height, 40), AREA)).shape == (height, 40, 3)


def test_kitty_is_given_the_pixels_in_pieces_and_the_old_picture_goes_after_the_new() -> None:
    canvas, wanted = Kitty(640), picture(96, 160)
    first, second = canvas.draw(wanted, AREA), canvas.draw(wanted, AREA)
    commands = re.findall(rb"\x1b_G([^;\x1b]*);?([^\x1b]*)\x1b\\", first)
    keys = dict(item.split(b"=") for item in commands[0][0].split(b","))
    assert (keys[b"a"], keys[b"f"], keys[b"s"], keys[b"v"], keys[b"c"], keys[b"r"]) == (
        b"T", b"24", b"160", b"96", b"20", b"6",
    )  # fmt: skip
    assert all(len(data) <= 4096 for _, data in commands)
    assert [head[-1:] for head, _ in commands[:-1]] == [b"1"] * (len(commands) - 2) + [b"0"]
    pixels = zlib.decompress(base64.b64decode(b"".join(data for _, data in commands[:-1])))
    assert pixels == wanted.tobytes()
    shown = [re.search(rb"a=T.*?,i=(\d+)", data) for data in (first, second)]
    gone = [re.search(rb"a=d.*?,i=(\d+)", data) for data in (first, second)]
    assert shown[0]
    assert gone[1]
    assert shown[1]
    assert shown[0][1] == gone[1][1] != shown[1][1]
    assert canvas.erase().count(b"a=d") == 2
