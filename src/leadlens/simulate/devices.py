"""Devices: what the electrocardiographs of six data sets do to a signal, and the faults they meet.

Levels were measured on public recordings of each source (medians; wander below 0.5 Hz, muscle of
20 to 150 Hz from what lies above 100 Hz): PTB-XL, CPSC, Georgia, Chapman-Shaoxing, Ningbo. The
names are those of the PhysioNet/CinC Challenge 2021.
"""

from dataclasses import dataclass, fields
from typing import Final, Literal

import numpy as np
from jaxtyping import Float, Float32, Int

from leadlens.simulate.streams import Streams, pick

DeviceName = Literal[
    "mixed", "ptb-xl", "cpsc_2018", "georgia", "chapman_shaoxing", "ningbo", "cpsc_2018_extra"
]
Array = np.ndarray


@dataclass(frozen=True)
class Device:
    """One source's electrocardiograph.

    Attributes:
        weight: recordings of the Challenge that come from it.
        step: of the converter, mV.
        wander, muscle, mains: median levels, mV.
        mains_hz: frequency of the power line.
        high_pass, low_pass: corner frequencies and how often each is set.
    """

    weight: int
    step: float
    wander: float
    muscle: float
    mains: float
    mains_hz: float
    high_pass: tuple[tuple[float, float], ...]
    low_pass: tuple[tuple[float, float], ...]


DEVICES: Final[dict[str, Device]] = {
    "ptb-xl": Device(21837, 0.001, 0.040, 0.0016, 0.004, 50.0, ((0.05, 1.0),), ((150.0, 1.0),)),
    "cpsc_2018": Device(6877, 0.001, 0.010, 0.0028, 0.001, 50.0, ((0.5, 1.0),), ((100.0, 1.0),)),
    "cpsc_2018_extra": Device(
        3453, 0.001, 0.010, 0.0028, 0.001, 50.0, ((0.5, 1.0),), ((100.0, 1.0),)
    ),
    "georgia": Device(
        10344, 0.00488, 0.016, 0.0035, 0.004, 60.0, ((0.05, 0.4), (0.5, 0.6)),
        ((150.0, 0.6), (100.0, 0.4)),
    ),
    "chapman_shaoxing": Device(
        10247, 0.00488, 0.019, 0.0056, 0.005, 50.0, ((0.05, 0.3), (0.5, 0.7)), ((150.0, 1.0),)
    ),
    "ningbo": Device(
        34905, 0.00488, 0.023, 0.0084, 0.006, 50.0, ((0.05, 0.3), (0.5, 0.7)),
        ((150.0, 0.9), (40.0, 0.1)),
    ),
}  # fmt: skip
DEVICE_NAMES: Final = tuple(DEVICES)

FAULTS: Final = ("none", "lead off", "RA-LA swap", "LA-LL swap", "V1-V2 swap", "V4-V5 swap")
"""Faults of the electrodes: a chest lead that records nothing, or two electrodes exchanged."""


@dataclass(frozen=True, eq=False)
class Devices:
    """How each recording of a batch was taken.

    Attributes:
        device: index into DEVICE_NAMES.
        high_pass, low_pass: corner frequencies, Hz.
        step: of the converter, mV.
        fault: index into FAULTS.
        lead_off: which chest lead (0 to 5) is off, -1 for none.
    """

    device: Int[Array, " n"]
    high_pass: Float[Array, " n"]
    low_pass: Float[Array, " n"]
    step: Float[Array, " n"]
    fault: Int[Array, " n"]
    lead_off: Int[Array, " n"]

    def take(self, rows: Int[Array, " m"]) -> "Devices":
        """Return the devices of the recordings at `rows`."""
        return Devices(*(getattr(self, item.name)[rows] for item in fields(self)))

    def fault_name(self, row: int) -> str:
        """Return which of FAULTS a recording has."""
        return FAULTS[int(self.fault[row])]


def draw_devices(name: DeviceName, faults: float, streams: Streams) -> Devices:
    """Return the devices of a batch; "mixed" takes them as often as they are in the Challenge."""
    uniform = streams.uniform("device", 5)
    weights = np.array([device.weight for device in DEVICES.values()], dtype=float)
    device = pick(uniform[:, 0], tuple(weights / weights.sum()))
    if name != "mixed":
        device = np.full(len(streams), DEVICE_NAMES.index(name))
    high_pass, low_pass = np.empty(len(streams)), np.empty(len(streams))
    for number, item in enumerate(DEVICES.values()):
        rows = device == number
        corners, shares = zip(*item.high_pass, strict=True)
        high_pass[rows] = np.array(corners)[pick(uniform[rows, 1], shares)]
        corners, shares = zip(*item.low_pass, strict=True)
        low_pass[rows] = np.array(corners)[pick(uniform[rows, 2], shares)]
    fault = np.where(
        uniform[:, 3] < faults, 1 + np.floor(uniform[:, 4] * (len(FAULTS) - 1)).astype(int), 0
    )
    lead = np.floor((uniform[:, 4] * (len(FAULTS) - 1)) % 1.0 * 6).astype(int)
    return Devices(
        device=device,
        high_pass=high_pass,
        low_pass=low_pass,
        step=np.array([item.step for item in DEVICES.values()])[device],
        fault=fault,
        lead_off=np.where(fault == FAULTS.index("lead off"), lead, -1),
    )


def fault_matrix(devices: Devices, row: int) -> Float[Array, "8 8"] | None:
    """Return what a fault does to the eight independent leads, or None without one.

    Exchanging RA and LA turns I over and exchanges II and III; exchanging LA and LL exchanges I
    and II. The chest leads stay, as Wilson's terminal is the mean of all three.
    """
    if devices.fault[row] == 0:
        return None
    name = FAULTS[devices.fault[row]]
    matrix = np.eye(8)
    if name == "lead off":
        matrix[2 + devices.lead_off[row]] = 0.0
    elif name == "RA-LA swap":
        matrix[:2, :2] = [[-1.0, 0.0], [-1.0, 1.0]]
    elif name == "LA-LL swap":
        matrix[:2, :2] = [[0.0, 1.0], [1.0, 0.0]]
    else:
        one = 1 + int(name[1])
        matrix[[one, one + 1]] = matrix[[one + 1, one]]
    return matrix


def low_pass_width(corner: float) -> float:
    """Return the width in s of the Gaussian whose response is -3 dB at `corner` Hz."""
    return float(np.sqrt(np.log(2.0)) / (2.0 * np.pi * corner))


def shift_baseline(
    leads: Float32[Array, "lead time"],
    wander: Float32[Array, "lead block"] | None,
    corner: float,
    fs: float,
) -> None:
    """Add wander to the leads and take away what lies below `corner` Hz, in place.

    Slow parts are found on means of 40 ms (`block_length` samples), by a cosine transform of zero
    phase and even ends, and drawn between them by straight lines. Corners below 0.1 Hz leave a
    recording of 10 s as it is.
    """
    if corner < 0.1:
        change = wander
    else:
        block, n = block_length(fs), leads.shape[1]
        n_blocks = -(-n // block)
        padded = leads
        if n_blocks * block > n:
            padded = np.pad(leads, [(0, 0), (0, n_blocks * block - n)], mode="edge")
        weights = np.full(block, 1.0 / block, dtype=np.float32)
        slow = padded.reshape(len(leads), n_blocks, block) @ weights
        if wander is not None:
            slow += wander
        change = -(slow @ _slow_filter(n_blocks, corner, block / fs))
        if wander is not None:
            change += wander
    if change is not None:
        leads += upsample(change, block_length(fs), leads.shape[1])


def block_length(fs: float) -> int:
    """Return how many samples 40 ms are."""
    return max(round(0.04 * fs), 1)


def upsample(slow: Float32[Array, "lead block"], block: int, n: int) -> Float32[Array, "lead time"]:
    """Return straight lines through values that stand in the middles of blocks of samples."""
    first, last = 2 * slow[:, :1] - slow[:, 1:2], 2 * slow[:, -1:] - slow[:, -2:-1]
    ends = np.concatenate([first, slow, last], axis=1)
    share = ((np.arange(block) + 0.5) / block).astype(np.float32)
    lines = np.diff(ends, axis=1)[:, :, None] * share
    lines += ends[:, :-1, None]
    begin = block - block // 2
    return lines.reshape(len(slow), -1)[:, begin : begin + n]


_FILTERS: dict[tuple[int, float, float], Array] = {}


def _slow_filter(n: int, corner: float, step: float) -> Float32[Array, "n n"]:
    """Return the matrix that keeps what lies below `corner` Hz of `n` values `step` s apart."""
    key = (n, corner, round(step, 9))
    if key not in _FILTERS:
        k, t = np.arange(n)[:, None], np.arange(n)
        cosine = np.cos(np.pi * k * (t + 0.5) / n) * np.sqrt(2.0 / n)
        cosine[0] /= np.sqrt(2.0)
        frequency = np.arange(n) / (2.0 * n * step)
        gain = 1.0 / (1.0 + (frequency / corner) ** 4)
        _FILTERS[key] = ((cosine.T * gain) @ cosine).astype(np.float32)
    return _FILTERS[key]
