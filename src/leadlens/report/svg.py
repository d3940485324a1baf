"""SVG as text: elements, numbers, whole drawings.

Several drawings share one HTML page, so every id begins with the drawing's name and every style
rule is limited to it.
"""

import math
import re
from typing import Final

from leadlens.errors import ConfigError

AGAINST: Final = "#2166ac"
FOR: Final = "#e66101"
FONT: Final = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"

_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def legible(text: str) -> str:
    """Return `text` with every character that XML 1.0 forbids replaced by U+FFFD."""
    return _ILLEGAL.sub("\ufffd", text)


def escape(text: str) -> str:
    """Return `text` fit for XML content and attributes."""
    return "".join(_ENTITIES.get(character, character) for character in legible(text))


def number(value: float) -> str:
    """Return `value` to 0.01, as short as it goes."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def signed(value: float, scale: float) -> str:
    """Return `value` with its sign, and decimals that give `scale` two digits; zero has no sign."""
    decimals = min(max(0, 1 - math.floor(math.log10(scale))), 9)
    text = f"{value:+.{decimals}f}"
    return text.replace("-", "\u2212") if float(text) else text[1:]


def element(tag: str, *children: str, **attributes: str | float) -> str:
    """Return an element; `class_` becomes class, `stroke_width` stroke-width.

    `children` are markup: text goes through `escape` first. Attributes are escaped here.
    """
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="'
        f'{escape(value) if isinstance(value, str) else number(value)}"'
        for key, value in attributes.items()
    )
    return f"<{tag}{pairs}>{''.join(children)}</{tag}>" if children else f"<{tag}{pairs}/>"


def label(x: float, y: float, text: str, size: float, **attributes: str | float) -> str:
    """Return a text element at (x, y)."""
    return element("text", escape(text), x=x, y=y, font_size=size, **attributes)


def drawing(
    name: str,
    title: str,
    body: str,
    size: tuple[float, float],
    unit: str,
    view_box: str = "",
    style: str = "",
) -> str:
    """Return a whole SVG of this size in `unit`, named for screen readers by its title.

    Rules in `style` name the drawing as `#self`. It shrinks with the page, never grows.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise ConfigError(
            f"the drawing's name {name!r} becomes an id: a letter, then letters, digits, - and _"
        )
    width, height = (number(length) for length in size)
    rules = f"#self{{max-width:100%;height:auto;font-family:{FONT}}}{style}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'id="{name}" role="img" aria-labelledby="{name}-title" width="{width}{unit}" '
        f'height="{height}{unit}" viewBox="{view_box or f"0 0 {width} {height}"}">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f"<style>{rules.replace('#self', f'#{name}')}</style>{body}</svg>"
    )
