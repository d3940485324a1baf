"""Pages: Jinja templates that lie beside this module, with figures and style inside the page."""

from functools import cache
from typing import Any

from leadlens.errors import require_extra


def render(template: str, context: dict[str, Any]) -> str:
    """Return the page that `template` makes of `context`; SVG strings are inserted with `|safe`."""
    return str(_environment().get_template(template).render(context))


@cache
def _environment() -> Any:
    """Return Jinja's environment: everything escaped unless it is marked safe."""
    jinja2 = require_extra("jinja2", "report", "writing a report")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("leadlens.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["score"] = _score
    return environment


def _score(value: float) -> str:
    """Return a score with three decimals, or a dash for NaN."""
    return f"{value:.3f}" if value == value else "\u2013"
