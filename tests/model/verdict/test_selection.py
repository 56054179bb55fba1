"""At most three reasons come first, the ones that matter; no reason is lost or told twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundlens.model.detection import Reason
from refundlens.model.names import Verdict
from refundlens.model.verdict.selection import MATTERS, MOST, select
from refundlens.model.verdict.texts import sentences

ONCE = sorted(code for code in sentences("en") if not code.startswith("reference."))
"""Codes told once; a comparison is told for each reference."""
_VERDICTS: tuple[Verdict, ...] = ("fake", "authentic", "inconclusive")


def _said(code: str, **details: object) -> Reason:
    return Reason(code=code, basis="declared", text=code, details=details)


@pytest.mark.parametrize("verdict", _VERDICTS)
def test_every_code_of_the_table_has_a_sentence(verdict: Verdict) -> None:
    assert set(MATTERS[verdict]) <= set(sentences("en"))
    assert len(set(MATTERS[verdict])) == len(MATTERS[verdict])


@given(st.lists(st.sampled_from(ONCE), max_size=12), st.sampled_from(_VERDICTS))
def test_three_at_most_and_none_lost(codes: list[str], verdict: Verdict) -> None:
    reasons = [_said(code) for code in codes]
    first, details = select(reasons, verdict)
    assert len(first) <= MOST
    assert sorted(reason.code for reason in [*first, *details]) == sorted(codes)
    assert len({reason.code for reason in first}) == len(first)


@pytest.mark.parametrize("verdict", _VERDICTS)
def test_boilerplate_never_comes_first(verdict: Verdict) -> None:
    boilerplate = [
        _said(code) for code in ("conditions.compression", "conditions.low_reliability", "metadata.none")
    ]
    assert select(boilerplate, verdict) == ([], boilerplate)


def test_what_the_verdict_rests_on_comes_first() -> None:
    said = [_said("metadata.camera"), _said("metadata.aigc_label"), _said("pixel.local_regeneration")]
    assert [one.code for one in select(said, "fake")[0]] == [
        "pixel.local_regeneration",
        "metadata.aigc_label",
    ]
    said = [_said("pixel.no_trace"), _said("metadata.aigc_label"), _said("policy.declared_ai")]
    assert [one.code for one in select(said, "inconclusive")[0]] == [
        "policy.declared_ai", "metadata.aigc_label", "pixel.no_trace",
    ]  # fmt: skip


def test_a_neutral_source_type_is_a_detail() -> None:
    said = [_said("metadata.digital_source_type", **{"class": "other"})]
    assert select(said, "inconclusive") == ([], said)
