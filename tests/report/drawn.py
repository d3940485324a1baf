"""What an SVG from matplotlib shows: words with their places, corners of lines, marks."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import numpy as np

SVG = "{http://www.w3.org/2000/svg}"
_LETTER = 0.58
"""Mean width of a letter in sizes of the type."""


@dataclass(frozen=True)
class Word:
    """A text that is not turned: the ends of its baseline and its size in points."""

    text: str
    left: float
    right: float
    y: float
    size: float

    def overlaps(self, other: "Word") -> bool:
        """Return whether the two cover each other."""
        is_beside = self.right <= other.left or other.right <= self.left
        return not is_beside and abs(self.y - other.y) < 0.8 * min(self.size, other.size)


def by_id(root: ET.Element, gid: str) -> ET.Element:
    """Return the element with this id."""
    return next(element for element in root.iter() if element.get("id") == gid)


def ids(root: ET.Element) -> set[str]:
    """Return all ids."""
    return {element.get("id", "") for element in root.iter()}


def corners(root: ET.Element, gid: str) -> np.ndarray:
    """Return the corners of all lines of the element with this id, x and y."""
    paths = by_id(root, gid).iter(f"{SVG}path")
    found = [re.findall(r"[ML] ([\d.-]+) ([\d.-]+)", path.get("d", "")) for path in paths]
    return np.array([corner for path in found for corner in path], dtype=float)


def marks(root: ET.Element, gid: str) -> np.ndarray:
    """Return x and y of the marks of the element with this id."""
    used = by_id(root, gid).iter(f"{SVG}use")
    return np.array([[float(use.get("x", "")), float(use.get("y", ""))] for use in used])


def said(root: ET.Element) -> list[str]:
    """Return all texts."""
    return [text.text or "" for text in root.iter(f"{SVG}text")]


def words(root: ET.Element) -> list[Word]:
    """Return the texts that are not turned, with their places."""
    elements = list(root.iter(f"{SVG}text"))
    return [_word(text) for text in elements if not _angle(text)]


def slanted_ends(root: ET.Element) -> np.ndarray:
    """Return x and y of the far ends of texts that are turned and begin at their place."""
    ends = []
    for text in root.iter(f"{SVG}text"):
        if _angle(text):
            word, turn = _word(text), np.radians(_angle(text))
            length = word.right - word.left
            ends.append((word.left + length * np.cos(turn), word.y + length * np.sin(turn)))
    return np.array(ends)


def size(root: ET.Element) -> tuple[float, float]:
    """Return width and height of the drawing."""
    _, _, width, height = map(float, root.get("viewBox", "").split())
    return width, height


def fill(root: ET.Element, gid: str) -> np.ndarray:
    """Return red, green and blue (0 to 1) of the element with this id."""
    drawn = ET.tostring(by_id(root, gid), encoding="unicode")
    colour = re.search(r"fill: #([0-9a-f]{6})", drawn)
    assert colour is not None
    return np.frombuffer(bytes.fromhex(colour.group(1)), np.uint8) / 255


def luminance(colour: np.ndarray) -> float:
    """Return the relative luminance of an sRGB colour (WCAG 2)."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def _angle(text: ET.Element) -> float:
    turned = re.search(r"rotate\(([\d.-]+)", text.get("transform", ""))
    return float(turned.group(1)) if turned else 0.0


def _word(text: ET.Element) -> Word:
    style, content = text.get("style", ""), text.text or ""
    moved = re.match(r"translate\(([\d.-]+) ([\d.-]+)\)", text.get("transform", ""))
    x, y = moved.groups() if moved else (text.get("x", ""), text.get("y", ""))
    points = float(re.search(r"([\d.]+)px", style)[1])  # type: ignore[index]
    length = _LETTER * points * len(content)
    share = {"middle": 0.5, "end": 1.0}.get((re.findall(r"anchor: (\w+)", style) or [""])[0], 0.0)
    left = float(x) - share * length
    return Word(content, left, left + length, float(y), points)
