"""The gates of screening, clearance and what undoes it."""

from datetime import timedelta

import pytest

from services.screening.domain import rules
from services.screening.domain.events import (
    CareArranged,
    CaseAssessed,
    CaseCleared,
    CaseDeclined,
    ClearanceRevoked,
    ConsentWithdrawn,
    DeclarationSigned,
    FitnessRecorded,
    HoldLifted,
    HoldPlaced,
)
from services.screening.domain.lifecycle import TRANSITIONS
from services.screening.domain.records import Refusal
from services.screening.domain.vocabulary import Action, Escort, Gate, GivenBy, Outcome, Status, Verdict
from shared.ids import new_id
from tests.unit.screening.people import (
    CHILD,
    NOW,
    assessment,
    best_interests,
    by_guardian,
    case,
    declaration,
    examination,
    hold,
    screened,
    suspected,
    withdrawal,
)


def test_a_case_with_every_gate_met_is_cleared() -> None:
    one = screened(case(), clear=False)
    assert one.clear(NOW) == [CaseCleared(one.id, NOW.date())]
    assert one.status is Status.CLEARED


def test_gates_missing_names_each_gate_that_is_not_met() -> None:
    with pytest.raises(rules.GatesMissing) as refused:
        case().clear(NOW)
    assert refused.value.fields["missing"] == ["consent", "assessment", "fitness"]


def test_a_cleared_case_is_not_cleared_again_not_possible_now() -> None:
    with pytest.raises(rules.NotPossibleNow):
        screened(case()).clear(NOW)


def test_what_the_table_does_not_name_is_not_possible_now() -> None:
    ended = screened(case())
    ended.decline(Refusal("no", NOW, "manager"))
    with pytest.raises(rules.NotPossibleNow):
        ended.declare(declaration())
    assert set(TRANSITIONS[Status.MERGED]) == {Action.ERASE}
    assert TRANSITIONS[Status.ERASED] == {}


def test_alternatives_not_explained() -> None:
    with pytest.raises(rules.AlternativesNotExplained):
        case().declare(declaration(alternatives_explained=False))


def test_data_consent_missing() -> None:
    with pytest.raises(rules.DataConsentMissing):
        case().declare(declaration(data_consent=False))


def test_witness_missing() -> None:
    with pytest.raises(rules.WitnessMissing):
        case().declare(declaration(witness=" "))


def test_proxy_without_reason() -> None:
    with pytest.raises(rules.ProxyWithoutReason):
        case().declare(declaration(given_by=GivenBy.PROXY))


def test_guardian_missing_when_a_child_declares_alone() -> None:
    with pytest.raises(rules.GuardianMissing):
        case(born=CHILD).declare(declaration())
    assert case(born=CHILD).declare(by_guardian())


def test_consent_is_withdrawn_as_easily_as_given_and_ends_the_clearance() -> None:
    one = screened(case())
    told = one.withdraw(withdrawal())
    assert told == [ConsentWithdrawn(one.id, NOW.date()), ClearanceRevoked(one.id, (Gate.CONSENT,))]
    assert not one.consents


def test_who_has_withdrawn_may_declare_again_and_the_case_goes_on() -> None:
    one = screened(case())
    one.withdraw(withdrawal())
    assert one.declare(declaration()) == [DeclarationSigned(one.id, NOW.date(), tuple(one.recipients))]
    assert one.status is Status.OPEN
    assert one.missing(NOW) == ()


def test_withdrawal_too_late_once_on_board() -> None:
    one = screened(case())
    one.boarded = True
    with pytest.raises(rules.WithdrawalTooLate):
        one.withdraw(withdrawal())
    one.boarded = False
    assert one.withdraw(withdrawal())


def test_has_boarded_and_can_not_be_declined() -> None:
    one = screened(case())
    one.boarded = True
    with pytest.raises(rules.HasBoarded):
        one.decline(Refusal("no", NOW, "manager"))
    assert Action.WITHDRAW not in one.possible(NOW)


def test_travels_answer_to_a_withdrawal_is_no_second_withdrawal() -> None:
    one = screened(case())
    one.withdraw(withdrawal())
    one.declare(declaration())
    assert one.hear_withdrawal(withdrawal()) == []
    assert one.consents
    assert one.hear_withdrawal(withdrawal()) == [ConsentWithdrawn(one.id, NOW.date())]
    assert not one.consents


def test_a_withdrawal_at_the_desk_is_recorded_once() -> None:
    one = screened(case())
    assert ConsentWithdrawn(one.id, NOW.date()) in one.hear_withdrawal(withdrawal())
    assert one.hear_withdrawal(withdrawal()) == []


def test_a_hold_revokes_the_clearance_and_lifting_it_does_not_bring_it_back() -> None:
    one, placed = screened(case()), hold()
    assert one.place_hold(placed) == [HoldPlaced(one.id, placed.id), ClearanceRevoked(one.id, (Gate.HOLD,))]
    assert one.lift_hold(placed.id, outcome="No need", at=NOW, by="protection") == [HoldLifted(one.id, placed.id)]
    assert one.status is Status.OPEN
    assert one.clear(NOW)


def test_hold_not_open_when_it_is_lifted_twice() -> None:
    one, placed = case(), hold()
    one.place_hold(placed)
    one.lift_hold(placed.id, outcome="No need", at=NOW, by="protection")
    with pytest.raises(rules.HoldNotOpen):
        one.lift_hold(placed.id, outcome="Again", at=NOW, by="protection")
    with pytest.raises(rules.HoldNotOpen):
        one.lift_hold(new_id(), outcome="Other", at=NOW, by="protection")


def test_a_child_alone_needs_best_interests_a_receiver_and_an_escort() -> None:
    one = case(born=CHILD)
    assessed = one.assess(assessment(), unaccompanied=True)
    assert assessed == [CaseAssessed(one.id, assessment().band, (), escort_required=True, care_required=True)]
    assert one.escort(NOW.date()) is Escort.OPERATIONAL
    assert Gate.CARE in one.missing(NOW)
    for arranged in (best_interests(receiver="An aunt", traced=False), best_interests()):
        assert one.decide_best_interests(arranged, NOW) == [CareArranged(one.id, True)]
        assert Gate.CARE not in one.missing(NOW)


@pytest.mark.parametrize("decided", [best_interests(Verdict.NEGATIVE), best_interests(traced=False)])
def test_care_is_not_arranged_by_a_negative_decision_or_without_a_receiver(decided: object) -> None:
    one = case(born=CHILD)
    assert one.decide_best_interests(decided, NOW) == [CareArranged(one.id, False)]  # type: ignore[arg-type]
    assert Gate.CARE in one.missing(NOW)


def test_a_decision_that_turns_negative_revokes_the_clearance() -> None:
    one = screened(case(born=CHILD))
    told = one.decide_best_interests(best_interests(Verdict.NEGATIVE), NOW)
    assert told[-1] == ClearanceRevoked(one.id, (Gate.CARE,))


def test_who_turns_eighteen_needs_no_arranged_care_any_more() -> None:
    one = case(born=NOW.date().replace(year=NOW.year - 18, day=NOW.day + 1))
    assert Gate.CARE in one.missing(NOW)
    assert Gate.CARE not in one.missing(NOW + timedelta(days=1))


def test_not_a_child() -> None:
    with pytest.raises(rules.NotAChild):
        case().assess(assessment(), unaccompanied=True)
    with pytest.raises(rules.NotAChild):
        case().decide_best_interests(best_interests(), NOW)


def test_travels_with_parent() -> None:
    with pytest.raises(rules.TravelsWithParent):
        case(born=CHILD, accompanied=True).assess(assessment(), unaccompanied=True)


def test_decision_in_future() -> None:
    with pytest.raises(rules.DecisionInFuture):
        case(born=CHILD).decide_best_interests(best_interests(), NOW - timedelta(days=1))


def test_fitness_lapses_and_a_lapse_alone_does_not_undo_the_clearance() -> None:
    one, later = screened(case()), NOW + timedelta(hours=73)
    assert Gate.FITNESS in one.missing(later)
    renewed = examination(at=later)
    assert one.examine(renewed) == [
        FitnessRecorded(one.id, True, renewed.valid_from, renewed.valid_until, (), escort_required=False)
    ]
    assert one.status is Status.CLEARED


@pytest.mark.parametrize("outcome", [Outcome.UNFIT, Outcome.TEMPORARILY_UNFIT])
def test_an_unfit_result_revokes_the_clearance(outcome: Outcome) -> None:
    one = screened(case())
    assert one.examine(examination(outcome))[-1] == ClearanceRevoked(one.id, (Gate.FITNESS,))


def test_a_suspicion_blocks_clearance_and_revokes_one_that_stands() -> None:
    one = screened(case(), clear=False)
    suspected(one, case())
    with pytest.raises(rules.GatesMissing) as refused:
        one.clear(NOW)
    assert refused.value.fields["missing"] == ["identity"]
    other = screened(case())
    suspected(other, case())
    assert other.status is Status.OPEN


def test_a_declined_case_ends() -> None:
    one = case()
    assert one.decline(Refusal("Not from here", NOW, "manager")) == [CaseDeclined(one.id, NOW.date())]
    assert one.possible(NOW) == [Action.LIFT_HOLD, Action.MERGE]
