"""When a worker that the group may have forgotten lets go, and when it ends."""

from __future__ import annotations

from streams.worker.membership import Membership, Standing

SESSION_S = 10.0


def test_a_rebalance_of_ordinary_length_changes_nothing() -> None:
    membership = Membership(SESSION_S)
    assert membership.look(3, 3, 100.0) is Standing.MEMBER
    assert membership.look(3, -1, 101.0) is Standing.MEMBER
    assert membership.look(3, 4, 110.9) is Standing.MEMBER
    assert membership.look(4, 4, 111.0) is Standing.MEMBER


def test_after_a_session_outside_the_group_it_is_no_owner() -> None:
    membership = Membership(SESSION_S)
    membership.look(3, -1, 100.0)
    assert membership.look(3, -1, 109.9) is Standing.MEMBER
    assert membership.look(3, -1, 110.0) is Standing.LOST


def test_an_assignment_that_is_never_handed_over_is_as_good_as_none() -> None:
    membership = Membership(SESSION_S)
    membership.look(3, 4, 100.0)
    assert membership.look(3, 4, 110.0) is Standing.LOST


def test_back_in_the_group_the_time_outside_is_forgotten() -> None:
    membership = Membership(SESSION_S)
    membership.look(3, -1, 100.0)
    assert membership.look(3, -1, 115.0) is Standing.LOST
    assert membership.look(5, 5, 116.0) is Standing.MEMBER
    assert membership.look(5, 6, 150.0) is Standing.MEMBER
    assert membership.look(5, 6, 159.0) is Standing.MEMBER


def test_who_is_not_taken_back_ends() -> None:
    membership = Membership(SESSION_S)
    membership.look(3, -1, 100.0)
    assert membership.look(3, -1, 199.9) is Standing.LOST
    assert membership.look(3, -1, 200.0) is Standing.GONE
