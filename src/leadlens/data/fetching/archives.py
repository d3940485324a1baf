"""The public archives that `leadlens fetch` knows: where they are, their licence, what to cite."""

from dataclasses import dataclass
from typing import Final

from leadlens.errors import choices

PHYSIONET: Final = "https://physionet.org/files/"
ZENODO: Final = "https://zenodo.org/api/records/"

_GOLDBERGER: Final = "Goldberger et al., Circulation 101(23):e215-e220, 2000"
_CC_BY: Final = "CC BY 4.0"
_ODC_BY: Final = "ODC-By 1.0"


@dataclass(frozen=True)
class Archive:
    """One version of a published data set.

    Attributes:
        name: what the user calls it.
        title: what its authors call it.
        version: the published version.
        url: its folder, which holds SHA256SUMS.txt; or, on Zenodo, its record.
        n_recordings: how many ECGs.
        n_bytes: about how much space it takes; exact only where the archive lists sizes.
        licence: of the files.
        citation: what its authors ask to cite.
        only: patterns of the files that belong to it; none, all files.
    """

    name: str
    title: str
    version: str
    url: str
    n_recordings: int
    n_bytes: int
    licence: str
    citation: str
    only: tuple[str, ...] = ()


# This machine has no network: nothing below was fetched from its archive. Addresses, DOIs and
# licences were checked on 2026-11-21 against stored copies of the PhysioNet pages and of public
# code that downloads these sets (docs/fetch.md says which). Sizes: second hand, from stored
# catalogues and download scripts (ptb-xl, incartdb, ptbdb, ludb, code-15), else from the
# recordings' lengths (12 leads x 2 bytes x fs, as in the Challenge's own format).
ARCHIVES: Final = (
    Archive(
        name="challenge-2021",
        title="PhysioNet/CinC Challenge 2021",
        version="1.0.3",
        url=PHYSIONET + "challenge-2021/1.0.3/",
        n_recordings=88_253,
        n_bytes=13_600_000_000,
        licence=_CC_BY,
        citation=(
            "Reyna et al., Will Two Do? Varying Dimensions in Electrocardiography: The PhysioNet/"
            "Computing in Cardiology Challenge 2021, Computing in Cardiology 48, 2021, "
            f"doi 10.13026/34va-7q14; {_GOLDBERGER}"
        ),
    ),
    Archive(
        name="cpsc-2018",
        title="CPSC 2018, the copy in the Challenge 2021",
        version="1.0.3",
        # The competition's own addresses (2018.icbeb.org, hhbucket.oss-cn-hongkong.aliyuncs.com)
        # give no hashes and no https, and download scripts call them dead; this copy has both.
        url=PHYSIONET + "challenge-2021/1.0.3/",
        n_recordings=6_877,
        n_bytes=1_330_000_000,
        licence=_CC_BY,
        citation=(
            "Liu et al., An Open Access Database for Evaluating the Algorithms of "
            "Electrocardiogram Rhythm and Morphology Abnormality Detection, J Med Imaging Health "
            "Inform 8(7):1368-1373, 2018; Reyna et al., Computing in Cardiology 48, 2021, "
            f"doi 10.13026/34va-7q14; {_GOLDBERGER}"
        ),
        only=("training/cpsc_2018/*",),
    ),
    Archive(
        name="ptb-xl",
        title="PTB-XL, a large publicly available electrocardiography dataset",
        version="1.0.3",
        url=PHYSIONET + "ptb-xl/1.0.3/",
        n_recordings=21_799,
        n_bytes=3_200_000_000,
        licence=_CC_BY,
        citation=(
            "Wagner et al., PTB-XL (version 1.0.3), PhysioNet, 2022, doi 10.13026/kfzx-aw45; "
            f"Wagner et al., Scientific Data 7:154, 2020; {_GOLDBERGER}"
        ),
    ),
    Archive(
        name="ecg-arrhythmia",
        title="A large scale 12-lead ECG database for arrhythmia study (Chapman-Shaoxing, Ningbo)",
        version="1.0.0",
        url=PHYSIONET + "ecg-arrhythmia/1.0.0/",
        n_recordings=45_152,
        n_bytes=5_500_000_000,
        licence=_CC_BY,
        citation=(
            "Zheng, Guo & Chu, A large scale 12-lead electrocardiogram database for arrhythmia "
            "study (version 1.0.0), PhysioNet, 2022, doi 10.13026/wgex-er52; Zheng et al., "
            f"Scientific Reports 10, 2020; {_GOLDBERGER}"
        ),
    ),
    Archive(
        name="ludb",
        title="Lobachevsky University Electrocardiography Database",
        version="1.0.1",
        url=PHYSIONET + "ludb/1.0.1/",
        n_recordings=200,
        n_bytes=27_000_000,
        licence=_ODC_BY,
        citation=(
            "Kalyakulina et al., Lobachevsky University Electrocardiography Database (version "
            "1.0.1), PhysioNet, 2021, doi 10.13026/eegm-h675; Kalyakulina et al., IEEE Access, "
            f"2020, doi 10.1109/ACCESS.2020.3029211; {_GOLDBERGER}"
        ),
    ),
    Archive(
        name="incartdb",
        title="St Petersburg INCART 12-lead Arrhythmia Database",
        version="1.0.0",
        url=PHYSIONET + "incartdb/1.0.0/",
        n_recordings=75,
        n_bytes=840_000_000,
        licence=_ODC_BY,
        citation=(
            "Tihonenko et al., St Petersburg INCART 12-lead Arrhythmia Database (version 1.0.0), "
            f"PhysioNet, 2008, doi 10.13026/C2V88N; {_GOLDBERGER}"
        ),
    ),
    Archive(
        name="ptbdb",
        title="PTB Diagnostic ECG Database",
        version="1.0.0",
        url=PHYSIONET + "ptbdb/1.0.0/",
        n_recordings=549,
        n_bytes=1_830_000_000,
        licence=_ODC_BY,
        citation=(
            "Bousseljot, Kreiseler & Schnabel, Nutzung der EKG-Signaldatenbank CARDIODAT der PTB "
            "ueber das Internet, Biomedizinische Technik 40(S1):317, 1995, doi 10.13026/C28C71; "
            f"{_GOLDBERGER}"
        ),
    ),
    Archive(
        name="code-15",
        title="CODE-15%: a large scale annotated dataset of 12-lead ECGs",
        version="1.0.0",
        url=ZENODO + "4916206",
        n_recordings=345_779,
        n_bytes=50_600_000_000,
        licence=_CC_BY,
        citation=(
            "Ribeiro et al., CODE-15%: a large scale annotated dataset of 12-lead ECGs (version "
            "1.0.0), Zenodo, 2021, doi 10.5281/zenodo.4916206"
        ),
    ),
)


def find_archive(name: str) -> Archive:
    """Return the archive called `name`.

    Raises:
        ConfigError: there is none of this name.
    """
    for archive in ARCHIVES:
        if archive.name == name.lower():
            return archive
    raise choices("data set", name, [archive.name for archive in ARCHIVES])
