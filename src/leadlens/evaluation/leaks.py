"""The guard of every report: what is tuned or trained on is never what is reported."""

from collections.abc import Iterable

from leadlens.errors import LeakError

_N_NAMED = 3


def check_apart(name_a: str, keys_a: Iterable[str], name_b: str, keys_b: Iterable[str]) -> None:
    """Raise LeakError where two sets of recordings share one.

    Args:
        name_a: of the first set, for the message: "the recordings that choose thresholds".
        keys_a: of its recordings; keys of patients or groups guard more.
        name_b: of the second.
        keys_b: of its recordings, of the same kind.
    """
    shared = sorted(set(keys_a) & set(keys_b))
    if not shared:
        return
    more = f" and {len(shared) - _N_NAMED:,} more" if len(shared) > _N_NAMED else ""
    raise LeakError(
        f"{name_a} and {name_b} share {', '.join(shared[:_N_NAMED])}{more}: "
        "what is reported would be flattered. Choose sets that are apart"
    )
