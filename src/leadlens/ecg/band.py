"""Band: which frequencies of an ECG a model is shown."""

from functools import cache

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, model_validator

from leadlens.ecg.resample import bridged
from leadlens.errors import ConfigError

_ORDER = 4


class Band(BaseModel):
    """Frequencies that are kept; None has no limit beyond the sampling rate's.

    Attributes:
        highpass: Hz, below which the baseline's wander is taken off.
        lowpass: Hz, above which nothing is kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    highpass: float | None = Field(default=None, gt=0)
    lowpass: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _holds_something(self) -> "Band":
        if self.highpass is not None and self.lowpass is not None and self.highpass >= self.lowpass:
            raise ValueError(f"a band from {self.highpass:g} to {self.lowpass:g} Hz holds nothing")
        return self

    @property
    def has_limits(self) -> bool:
        """Whether anything is taken off."""
        return self.highpass is not None or self.lowpass is not None

    def __str__(self) -> str:
        """Return the band as part of a folder's name, such as "0.5-40hz"."""
        low, high = ("" if f is None else f"{f:g}" for f in (self.highpass, self.lowpass))
        return f"{low}-{high}hz" if self.has_limits else "all"


EVERYTHING = Band()


def check_band(band: Band, fs: float) -> None:
    """Raise a ConfigError where a signal at `fs` Hz has no such frequencies."""
    for name in ("highpass", "lowpass"):
        limit = getattr(band, name)
        if limit is not None and limit >= fs / 2:
            raise ConfigError(
                f"{name} {limit:g} Hz: at {fs:g} Hz a signal has frequencies below {fs / 2:g} Hz"
            )


def limit_band(
    signal: Float[np.ndarray, "*lead time"], fs: float, band: Band
) -> Float[np.ndarray, "*lead time"]:
    """Return `signal` in `band`, without delay, NaN where it was NaN.

    A Butterworth filter of order 4, forwards and backwards: at a limit half of the amplitude is
    left. Beyond its ends the signal goes on as its mirror image in them.

    Raises:
        ConfigError: at `fs` Hz there is no such band.
    """
    if not band.has_limits:
        return signal
    check_band(band, fs)
    # Here, not above: it takes a second to import.
    from scipy import signal as dsp

    missing = np.isnan(signal)
    filled = bridged(signal, missing) if missing.any() else signal
    reach = min(signal.shape[-1] - 1, round(2 * fs / (band.highpass or 1.0)))
    limited = dsp.sosfiltfilt(_sections(band, fs), filled, axis=-1, padlen=reach)
    limited = limited.astype(signal.dtype, copy=False)
    limited[missing] = np.nan
    return np.asarray(limited)


@cache
def _sections(band: Band, fs: float) -> np.ndarray:
    """Return the filter's second-order sections."""
    from scipy import signal as dsp

    limits = [limit for limit in (band.highpass, band.lowpass) if limit is not None]
    kind = "bandpass" if len(limits) == 2 else "highpass" if band.highpass else "lowpass"
    cutoff = limits if len(limits) == 2 else limits[0]
    return np.asarray(dsp.butter(_ORDER, cutoff, kind, fs=fs, output="sos"))
