"""Which rhythm is taken for which: by hand, and against scikit-learn where rhythms exclude."""

import numpy as np
from sklearn.metrics import confusion_matrix

from leadlens.ecg.diagnoses import diagnosis
from leadlens.evaluation.confusion import rhythm_confusion

RHYTHMS = tuple(diagnosis(name).code for name in ("NSR", "AF", "AFL"))
LAD = diagnosis("LAD").code


def test_exclusive_rhythms_have_the_shares_of_the_confusion_matrix() -> None:
    rng = np.random.default_rng(0)
    truth, given = rng.integers(0, 3, (2, 400))
    labels, decisions = np.eye(3, dtype=bool)[truth], np.eye(3, dtype=bool)[given]
    found = rhythm_confusion(labels, np.ones_like(labels), decisions, RHYTHMS)
    wanted = confusion_matrix(truth, given, normalize="true")
    np.testing.assert_allclose(found.given[:, :3], wanted)
    assert found.names == ("NSR", "AF", "AFL")
    assert found.given[:, 3].tolist() == [0.0, 0.0, 0.0]


def test_only_what_is_known_to_be_absent_is_a_false_alarm() -> None:
    labels = np.array([[1, 1, 0, 1], [1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]], bool)
    known = np.array([[1, 1, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1], [1, 1, 1, 1]], bool)
    given = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1], [0, 1, 1, 0]], bool)
    found = rhythm_confusion(labels, known, given, (*RHYTHMS, LAD))
    # Sinus rhythm: given to one of three; one of the two without fibrillation is called it.
    # Whether the second has flutter is not known, so that none of two is falsely called it.
    assert found.n[0].tolist() == [3, 2, 2, 3]
    np.testing.assert_allclose(found.given[0], [1 / 3, 1 / 2, 0.0, 1 / 3])
    np.testing.assert_allclose(found.given[1], [0.0, 1.0, 1 / 2, 0.0])


def test_a_rhythm_that_nobody_has_has_no_shares() -> None:
    labels = np.array([[1, 0, 0], [0, 1, 0]], bool)
    found = rhythm_confusion(labels, np.ones_like(labels), labels, RHYTHMS)
    assert np.isnan(found.given[2]).all()
    assert found.n[2].tolist() == [0, 0, 0, 0]


def test_a_rhythm_that_is_marked_but_not_known_counts_for_nothing() -> None:
    labels = np.array([[1, 0, 0], [1, 0, 0]], bool)
    known = np.array([[1, 1, 1], [0, 1, 1]], bool)
    given = np.array([[1, 0, 0], [0, 1, 0]], bool)
    found = rhythm_confusion(labels, known, given, RHYTHMS)
    assert found.n[0].tolist() == [1, 1, 1, 1]
    assert found.given[0].tolist() == [1.0, 0.0, 0.0, 0.0]
