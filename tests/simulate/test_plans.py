"""Plans: what occurs, what occurs together, and what never does, in each kind of cohort."""

from itertools import combinations

import numpy as np
import pytest
from programmes import NAMES, N, Table
from scipy.stats import chisquare

from leadlens.ecg.diagnoses import diagnoses
from leadlens.simulate.conditions import (
    EXCLUDES,
    FINDINGS,
    FORBIDDEN_LABELS,
    LOOKALIKES,
    RHYTHMS,
    Plan,
    are_exclusive,
    implied,
    planned_as,
)
from leadlens.simulate.plans import MAX_FINDINGS, allowed_combinations, draw_plans, wanted_shares
from leadlens.simulate.streams import Streams

COHORTS = tuple(N)
SYNONYMS = (("RBBB", "CRBBB"), ("LBBB", "CLBBB"), ("PAC", "SVPB"), ("PVC", "VPB"), ("IAVB", "LPR"))
BRINGS = (("SB", "Brady"), ("LAnFB", "LAD"), ("TInv", "TAb"), ("RBBB", "BBB"), ("LBBB", "BBB"))
FACTORS = (
    set(RHYTHMS), {"RBBB", "LBBB", "IRBBB", "LAnFB", "NSIVCB"}, {"LAD", "RAD", "LAnFB"},
    {"TAb", "TInv"}, {"PAC", "PVC"},
)  # fmt: skip


def column(table: Table, name: str) -> np.ndarray:
    return table["labels"][:, NAMES.index(name)]


def planned(table: Table, name: str) -> np.ndarray:
    if name in RHYTHMS:
        return table["rhythm"] == RHYTHMS.index(name)
    return table["finding"][:, FINDINGS.index(name)]


@pytest.mark.parametrize("cohort", COHORTS)
def test_forbidden_pairs_never_occur(tables: dict[str, Table], cohort: str) -> None:
    found = {
        pair: int((column(tables[cohort], pair[0]) & column(tables[cohort], pair[1])).sum())
        for pair in FORBIDDEN_LABELS
    }
    assert {pair: count for pair, count in found.items() if count} == {}


@pytest.mark.parametrize("cohort", COHORTS)
def test_synonyms_go_together_and_a_diagnosis_brings_what_it_implies(
    tables: dict[str, Table], cohort: str
) -> None:
    table = tables[cohort]
    for one, other in SYNONYMS:
        assert np.array_equal(column(table, one), column(table, other)), (one, other)
    for one, other in BRINGS:
        assert not (column(table, one) & ~column(table, other)).any(), (one, other)
    sides = column(table, "RBBB") | column(table, "LBBB")
    assert np.array_equal(column(table, "BBB"), sides)


@pytest.mark.parametrize("cohort", COHORTS)
def test_a_planned_condition_is_a_label_and_an_unplanned_one_is_none(
    tables: dict[str, Table], cohort: str
) -> None:
    table = tables[cohort]
    rates = ("NSR", "SB", "STach", "SA", "Brady")  # these also follow the beats that were drawn
    for name in NAMES:
        if name not in rates:
            names = [one for one in planned_as(name) if one in (*RHYTHMS, *FINDINGS)]
            wanted = np.any([planned(table, one) for one in names], axis=0)
            assert np.array_equal(wanted, column(table, name)), name
    for name in ("SB", "STach", "SA"):
        assert np.mean(planned(table, name) & ~column(table, name)) < 0.003, name


@pytest.mark.parametrize("cohort", COHORTS)
def test_plans_respect_exclusions_and_have_at_most_four_findings(
    tables: dict[str, Table], cohort: str
) -> None:
    table = tables[cohort]
    assert table["finding"].sum(axis=1).max() == MAX_FINDINGS
    for one, others in EXCLUDES.items():
        for other in others:
            assert not (planned(table, one) & planned(table, other)).any(), (one, other)


def test_exclusion_has_no_direction_and_every_other_combination_is_allowed() -> None:
    names = (*RHYTHMS, *FINDINGS)
    for one, others in EXCLUDES.items():
        for other in others:
            assert are_exclusive(one, other)
            assert are_exclusive(other, one)
    has = allowed_combinations().has
    assert len(np.unique(has, axis=0)) == len(has)
    together = has.T.astype(int) @ has
    for one, other in combinations(names, 2):
        is_allowed = together[names.index(one), names.index(other)] > 0
        same_factor = any({one, other} <= factor for factor in FACTORS)
        assert is_allowed != (are_exclusive(one, other) or same_factor), (one, other)


def test_forbidden_labels_are_what_no_allowed_combination_gives() -> None:
    table = allowed_combinations()
    seen = set()
    for rhythm, finding in {(int(r), f.tobytes()) for r, f in zip(table.rhythm, table.finding,
                                                                  strict=True)}:  # fmt: skip
        names = {RHYTHMS[rhythm], *np.array(FINDINGS)[np.frombuffer(finding, dtype=bool)]}
        seen |= set(combinations(sorted(implied(names)), 2))
    assert not [pair for pair in FORBIDDEN_LABELS if tuple(sorted(pair)) in seen]


def test_compatible_diagnoses_of_a_factorial_cohort_are_uncorrelated(
    tables: dict[str, Table],
) -> None:
    table = tables["factorial"]
    names = [n for n in (*RHYTHMS, *FINDINGS) if n != "EAR"]
    correlation = np.corrcoef([column(table, name) for name in names])
    for one, other in combinations(names, 2):
        if are_exclusive(one, other) or any({one, other} <= factor for factor in FACTORS):
            continue
        found = correlation[names.index(one), names.index(other)]
        assert abs(found) < 0.03, (one, other, found)


@pytest.mark.parametrize(
    "levels",
    [RHYTHMS[:-1], ("RBBB", "LBBB", "IRBBB", "LAnFB", "NSIVCB"), ("LAD", "RAD"), ("TAb", "TInv"),
     ("PAC", "PVC")],
)  # fmt: skip
def test_the_levels_of_a_factor_are_even_in_a_factorial_cohort(
    tables: dict[str, Table], levels: tuple[str, ...]
) -> None:
    counts = [planned(tables["factorial"], name).sum() for name in levels]
    assert min(counts) > 500
    assert chisquare(counts).pvalue > 1e-3, dict(zip(levels, counts, strict=True))


def test_every_diagnosis_is_in_four_percent_of_a_balanced_cohort(tables: dict[str, Table]) -> None:
    share = dict(zip(NAMES, tables["balanced"]["labels"].mean(axis=0), strict=True))
    assert {name: value for name, value in share.items() if value < 0.04} == {}


@pytest.mark.parametrize("cohort", COHORTS)
def test_conditions_are_planned_as_often_as_wanted(tables: dict[str, Table], cohort: str) -> None:
    wanted, _ = wanted_shares(cohort)
    for name, share in wanted.items():
        found = planned(tables[cohort], name).mean()
        # beyond chance: of plans that no beat fits, findings are left out
        allowed = 4.5 * np.sqrt(share / N[cohort]) + 0.03 * share
        assert abs(found - share) < allowed, (name, found, share)


def test_a_challenge_cohort_has_the_prevalences_of_the_challenge(tables: dict[str, Table]) -> None:
    # of diagnoses that everyone writes down alike; sinus rhythms are also what the rest gets
    published = {item.abbreviation: item.count / 88_253 for item in diagnoses()}
    exact = ("AFL", "AF", "SA", "LAnFB", "LAD", "RAD", "LQRSV", "QAb", "IRBBB", "NSIVCB", "TAb",
             "TInv", "LQT", "IAVB")  # fmt: skip
    for name in exact:
        found = column(tables["challenge"], name).mean()
        assert 0.75 < found / published[name] < 1.3, (name, found, published[name])
    for name in ("NSR", "SB", "STach"):
        found = column(tables["challenge"], name).mean()
        assert 0.95 < found / published[name] < 1.45, (name, found, published[name])
    for one, other in (("RBBB", "CRBBB"), ("PVC", "VPB"), ("PAC", "SVPB"), ("LBBB", "CLBBB")):
        found, both = column(tables["challenge"], one).mean(), published[one] + published[other]
        assert 0.75 < found / both < 1.3, (one, found, both)


def test_pairs_of_a_challenge_cohort_occur_together_as_often_as_wanted(
    tables: dict[str, Table],
) -> None:
    _, pairs = wanted_shares("challenge")
    n, n_seen = N["challenge"], 0
    for (one, other), share in pairs.items():
        together = planned(tables["challenge"], one) & planned(tables["challenge"], other)
        expected = share * n
        n_seen += expected > 30
        assert abs(together.sum() - expected) < 4.5 * np.sqrt(expected) + 0.06 * expected + 2, (
            one, other, together.sum(), expected,
        )  # fmt: skip
    assert n_seen > 15


@pytest.mark.parametrize("cohort", COHORTS)
def test_lookalikes_come_one_at_a_time_and_never_with_what_they_resemble(
    tables: dict[str, Table], cohort: str
) -> None:
    table = tables[cohort]
    assert table["lookalike"].sum(axis=1).max() == 1
    for k, (name, (share, excluded)) in enumerate(LOOKALIKES.items()):
        drawn = table["lookalike"][:, k]
        others = [one for one in excluded if one not in LOOKALIKES]
        has_excluded = np.any([planned(table, one) for one in others], axis=0)
        assert not (drawn & has_excluded).any(), name
        assert 0.55 * share < drawn[~has_excluded].mean() < 1.3 * share + 0.002, name


def test_a_target_is_in_every_plan_drawn_for_it() -> None:
    for target in ("BBB", "LAD", "TAb", "Brady", "SVPB", "AFL", "LQT"):
        plan = draw_plans("pairs", Streams(1, np.arange(300)), (target,) * 300)
        names = [name for name in planned_as(target) if name in (*RHYTHMS, *FINDINGS)]
        assert plan.has(*names).all(), target
    mixed = draw_plans("pairs", Streams(1, np.arange(4)), ("PVC", "AF", "PVC", "IRBBB"))
    assert mixed.has("PVC")[[0, 2]].all()
    assert mixed.has("AF")[1]
    assert mixed.has("IRBBB")[3]


def test_a_plan_without_a_diagnosis_lacks_it_and_what_implies_it_and_nothing_else() -> None:
    finding = np.zeros((1, len(FINDINGS)), dtype=bool)
    finding[0, [FINDINGS.index(name) for name in ("LAnFB", "TInv", "PVC", "IAVB")]] = True
    plan = Plan(np.array([RHYTHMS.index("SB")]), finding, np.array([False]),
                np.zeros((1, len(LOOKALIKES)), dtype=bool), np.array([150.0]))  # fmt: skip

    def names(of: Plan) -> set[str]:
        return {name for name in (*RHYTHMS, *FINDINGS) if of.has(name)[0]}

    everything = {"SB", "LAnFB", "TInv", "PVC", "IAVB"}
    assert names(plan) == everything
    assert names(plan.without("LAD")) == everything - {"LAnFB"}
    assert names(plan.without("TAb")) == everything - {"TInv"}
    assert names(plan.without("VPB")) == everything - {"PVC"}
    assert names(plan.without("Brady")) == (everything - {"SB"}) | {"NSR"}
    assert names(plan.without("AF")) == everything
    assert names(plan) == everything
