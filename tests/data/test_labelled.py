"""Labels from a CSV file beside any folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from leadlens.data.ingest import IngestSettings, ingest
from leadlens.data.sources import FileSource, find_sources
from leadlens.ecg.diagnoses import diagnosis
from leadlens.errors import ConfigError, ReadError

Write = Callable[..., Path]


@pytest.fixture
def labelled(write_record: Write, tmp_path: Path) -> Callable[[str], FileSource]:
    """Return a function that gives three records of a ward the labels of a CSV text."""
    for name in ("A1", "A2", "A3"):
        write_record(name, folder=tmp_path / "ward")

    def make(text: str) -> FileSource:
        (tmp_path / "labels.csv").write_text(text)
        return find_sources([tmp_path / "ward"], labels=tmp_path / "labels.csv")

    return make


def codes(*names: str) -> tuple[str, ...]:
    return tuple(diagnosis(name).code for name in names)


def test_a_row_replaces_what_the_file_says(labelled: Callable[[str], FileSource]) -> None:
    source = labelled(
        "record,codes,patient,age,sex,fold,not_annotated\n"
        "A1,AF; 39732003|164884008,P7,95,F,3,LQT TAb\nA2,none,,,,,\nA3,,,,,,\n"
    )
    first, second, third = (source.load(position) for position in range(3))
    assert first.codes == (*codes("AF", "LAD"), "164884008")
    assert first.not_annotated == codes("LQT", "TAb")
    assert (first.patient, first.age, first.sex, first.fold) == ("P7", 90.0, "female", 3)
    # "none" was looked for and not found; an empty cell was not looked at.
    assert (second.codes, third.codes) == ((), None)
    assert (second.age, second.sex, second.patient) == (60.0, "male", None)


def test_records_without_a_row_stay_as_read_and_are_counted(
    labelled: Callable[[str], FileSource],
) -> None:
    source = labelled("record,codes\nward/A2,AF\n")
    assert source.load(0).codes == codes("NSR")
    assert source.load(1).codes == codes("AF")
    assert "has no row for 2 of 3 recordings" in source.notes[-1]


def test_the_labels_are_part_of_what_a_store_is_made_from(
    labelled: Callable[[str], FileSource], tmp_path: Path
) -> None:
    source = labelled("record,codes,fold\nA1,AF,7\n")
    store = ingest(source, tmp_path / "s", IngestSettings(fs=50))
    assert [row.fold for row in store.rows] == ["7", "", ""]
    other = labelled("record,codes,fold\nA1,AFL,7\n")
    assert other.describe() != source.describe()


@pytest.mark.parametrize(
    ("text", "said"),
    [("A9,AF\n", r"line 2: there is no recording 'A9' in the folders given \(the first is ward/A1"),
     ("A1,Afib\n", "line 2: unknown diagnosis 'Afib': allowed values are PR, .* or a SNOMED CT"),
     ("A1,12\n", "unknown diagnosis '12'"),
     ("A1,AF\nward/A1,AF\n", "line 3: a second row for the recording 'ward/A1'"),
     ("\n\nA1,AF\n\nA1,AF\n", "line 6: a second row for the recording 'A1'")],
)  # fmt: skip
def test_a_row_that_cannot_be_right_is_refused_with_its_line(
    labelled: Callable[[str], FileSource], text: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        labelled("record,codes\n" + text)


@pytest.mark.parametrize(
    ("column", "value"), [("age", "old"), ("sex", "x"), ("fold", "1.5"), ("fold", "-1")]
)
def test_a_value_that_cannot_be_understood_is_refused(
    labelled: Callable[[str], FileSource], column: str, value: str
) -> None:
    with pytest.raises(ConfigError, match=f"line 2: the {column} '{value}' cannot be understood"):
        labelled(f"record,codes,{column}\nA1,AF,{value}\n")


def test_a_diagnosis_that_is_given_and_not_annotated_is_refused(
    labelled: Callable[[str], FileSource],
) -> None:
    with pytest.raises(ConfigError, match="line 2: 164889003 is both in codes and in not_annot"):
        labelled("record,codes,not_annotated\nA1,AF LAD,164889003\n")


def test_columns_that_are_missing_or_strange_are_refused(
    labelled: Callable[[str], FileSource],
) -> None:
    with pytest.raises(ReadError, match="lacks the column codes: it has record, dx"):
        labelled("record,dx\nA1,AF\n")
    with pytest.raises(ConfigError, match="unknown column 'folds': allowed are record, codes"):
        labelled("record,codes,folds\nA1,AF,1\n")
    with pytest.raises(ReadError, match="has the column 'codes' twice"):
        labelled("record,codes,codes\nA1,AF,LAD\n")
    with pytest.raises(ReadError, match="more cells than columns"):
        labelled("record,codes\nA1,AF,LAD\n")


def test_a_name_that_two_sources_share_needs_its_source(
    write_record: Write, tmp_path: Path
) -> None:
    for folder in ("north", "south"):
        write_record("A1", folder=tmp_path / folder)
    table = tmp_path / "labels.csv"
    table.write_text("record,codes\nA1,AF\n")
    folders = [tmp_path / "north", tmp_path / "south"]
    with pytest.raises(ConfigError, match=r"'A1' names 2 recordings: write .* as in north/A1"):
        find_sources(folders, labels=table)
    table.write_text("record,codes\nsouth/A1,AF\n")
    source = find_sources(folders, labels=table)
    assert [source.load(i).codes for i in range(2)] == [codes("NSR"), codes("AF")]


def test_labels_from_a_table_are_known_whatever_the_source_is_called(
    write_record: Write, tmp_path: Path
) -> None:
    write_record("J1", folder=tmp_path / "ningbo")
    table = tmp_path / "labels.csv"
    table.write_text("record,codes\nJ1,SB\n")
    assert find_sources([tmp_path / "ningbo"]).load(0).not_annotated == codes("AF")
    assert find_sources([tmp_path / "ningbo"], labels=table).load(0).not_annotated == ()
