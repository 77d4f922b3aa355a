"""An explanation as a picture for people: the galaxy, what mattered, and how far that holds."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inference.vision.explain import Explanation

# Nine colors of "inferno", in between interpolated: brightness rises evenly from black to pale
# yellow, so the order can be seen without seeing colors, and in print.
_COLORS = np.array(
    [
        (0, 0, 4),
        (31, 12, 72),
        (85, 15, 109),
        (136, 34, 106),
        (186, 54, 85),
        (227, 89, 51),
        (249, 140, 10),
        (249, 201, 50),
        (252, 255, 164),
    ],
    dtype=np.float64,
)
_OPACITY = 0.65  # of the heat over the galaxy, the same everywhere, so that equal heat looks equal

_PANEL_PX = 384  # a panel is at least so wide
_GAP_PX, _BAR_PX, _LABEL_PX = 16, 20, 56
_TITLE_PX, _TEXT_PX, _LINE = 20, 15, 1.35
_PAPER, _INK, _QUIET = (255, 255, 255), (24, 24, 28), (84, 84, 92)
_WARNING, _WARNING_INK = (255, 214, 102), (60, 36, 0)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def render(stamp: NDArray[np.uint8], explanation: Explanation) -> bytes:
    """Return a PNG of the galaxy beside the galaxy under its heat, with the verdict below.

    Args:
        stamp: what was explained, uint8 (S, S, 3).
    """
    panel_px = len(stamp) * -(-_PANEL_PX // len(stamp))
    width = 2 * panel_px + 4 * _GAP_PX + _BAR_PX + _LABEL_PX
    header = _text_block(_headline(explanation), _TITLE_PX, width, ink=_INK)
    verdict = _verdict_block(explanation, width)
    scores = _text_block(_scores(explanation), _TEXT_PX, width, ink=_QUIET)
    blocks = [header, _panels(stamp, explanation.heat, panel_px, width), verdict, scores]
    page = Image.new("RGB", (width, sum(block.height for block in blocks)), _PAPER)
    top = 0
    for block in blocks:
        page.paste(block, (0, top))
        top += block.height
    buffer = BytesIO()
    page.save(buffer, "PNG")
    return buffer.getvalue()


def overlay(stamp: NDArray[np.uint8], heat: NDArray[np.float32], side_px: int) -> bytes:
    """Return a PNG of the galaxy under its heat.

    Args:
        stamp: uint8 (S, S, 3); heat: (S, S) in [0, 1].
    """
    buffer = BytesIO()
    _heated(_enlarged(stamp, side_px), heat).save(buffer, "PNG")
    return buffer.getvalue()


def colors_of(heat: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return the color of each value in [0, 1], uint8 (..., 3)."""
    places = np.linspace(0, 1, len(_COLORS))
    channels = [np.interp(heat, places, _COLORS[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def _headline(explanation: Explanation) -> str:
    return f"{explanation.answer}: the network expects {explanation.fraction:.0%} of the votes"


def _scores(explanation: Explanation) -> str:
    found = explanation.deletion
    return (
        f"Mean share of the answer while the picture is blanked, lower is better: this map "
        f"({explanation.method}) {found.own_score:.2f}, at random {found.random_score:.2f} ± "
        f"{found.random_spread:.2f}, from the center outward {found.center_score:.2f}."
    )


def _verdict_block(explanation: Explanation, width: int) -> Image.Image:
    verdict = explanation.deletion.verdict
    if explanation.deletion.beats_random:
        return _text_block(verdict, _TEXT_PX, width, ink=_INK)
    return _text_block(verdict, _TITLE_PX, width, ink=_WARNING_INK, paper=_WARNING)


def _panels(
    stamp: NDArray[np.uint8], heat: NDArray[np.float32], panel_px: int, width: int
) -> Image.Image:
    galaxy = _enlarged(stamp, panel_px)
    block = Image.new("RGB", (width, panel_px + 2 * _GAP_PX), _PAPER)
    block.paste(galaxy, (_GAP_PX, _GAP_PX))
    block.paste(_heated(galaxy, heat), (2 * _GAP_PX + panel_px, _GAP_PX))
    _draw_bar(block, left=3 * _GAP_PX + 2 * panel_px, height=panel_px)
    return block


def _enlarged(stamp: NDArray[np.uint8], side_px: int) -> Image.Image:
    return Image.fromarray(stamp).resize((side_px, side_px), Image.Resampling.LANCZOS)


def _heated(galaxy: Image.Image, heat: NDArray[np.float32]) -> Image.Image:
    enlarged = np.asarray(Image.fromarray(heat).resize(galaxy.size, Image.Resampling.BILINEAR))
    return Image.blend(galaxy, Image.fromarray(colors_of(enlarged)), _OPACITY)


def _draw_bar(block: Image.Image, *, left: int, height: int) -> None:
    ramp = np.linspace(1, 0, height)[:, None].repeat(_BAR_PX, axis=1)
    block.paste(Image.fromarray(colors_of(ramp)), (left, _GAP_PX))
    draw = ImageDraw.Draw(block)
    for text, top in [("most", _GAP_PX), ("least", _GAP_PX + height - _TEXT_PX)]:
        draw.text((left + _BAR_PX + 6, top), text, font=_font(_TEXT_PX), fill=_QUIET, anchor="lt")


def _text_block(
    text: str,
    size_px: int,
    width: int,
    *,
    ink: tuple[int, int, int],
    paper: tuple[int, int, int] = _PAPER,
) -> Image.Image:
    font, line_px = _font(size_px), round(size_px * _LINE)
    lines = _wrapped(text, font, width - 2 * _GAP_PX)
    block = Image.new("RGB", (width, len(lines) * line_px + _GAP_PX), paper)
    draw = ImageDraw.Draw(block)
    for number, line in enumerate(lines):
        draw.text((_GAP_PX, _GAP_PX // 2 + number * line_px), line, font=font, fill=ink)
    return block


def _wrapped(text: str, font: Font, width_px: int) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".lstrip()
        if font.getlength(longer) <= width_px:
            lines[-1] = longer
        else:
            lines.append(word)
    return [line for line in lines if line]


def _font(size_px: int) -> Font:
    return ImageFont.load_default(size=size_px)
