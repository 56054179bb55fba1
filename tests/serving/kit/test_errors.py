"""Errors of the domain, and the one table of how they are answered."""

import pytest

from refundlens.serving.http.problems import STATUS, Problem, problem_of
from refundlens.serving.kit import errors
from refundlens.serving.kit.errors import Changed, DomainError, VersionMissing, check_version, etag


def test_every_error_of_the_domain_has_a_status() -> None:
    kinds = {
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DomainError)
    }
    assert {kind for kind in kinds if DomainError in kind.__bases__} == set(STATUS), "the others are of these"
    assert len(set(STATUS.values())) == len(STATUS), "two errors would be one to callers"


def test_the_version_there_is_now_goes_with_the_answer() -> None:
    problem = problem_of(Changed(3))
    assert (problem.status, problem.code, problem.headers) == (412, "changed_meanwhile", {"ETag": '"3"'})
    assert problem_of(Changed(detail="There is none yet.")).headers == {}
    known = Problem(503, "overloaded", "no room", {"Retry-After": "1"})
    assert problem_of(known) is known


@pytest.mark.parametrize("seen", ['"2"', 'W/"2"', '"1", "2"', "*", None])
def test_a_version_that_was_seen_is_let_through(seen: str | None) -> None:
    check_version(seen, 2)


@pytest.mark.parametrize("seen", ['"1"', "2", "", '"22"'])
def test_another_version_is_refused(seen: str) -> None:
    with pytest.raises(Changed) as refused:
        check_version(seen, 2)
    assert refused.value.version == 2 and etag(2) == '"2"'


def test_who_must_say_which_version_and_does_not_is_told() -> None:
    with pytest.raises(VersionMissing):
        check_version(None, 2, required=True)
