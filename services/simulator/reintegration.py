"""After arrival: donors' funds, plans and their approval, what is handed over, completion."""

from datetime import timedelta

from services.simulator.journey import Journey
from services.simulator.people import Traveller

#: A line of a plan: its kind, what it is, who supplies it, its budget in cents.
Line = tuple[str, str, str, int]

_ADULT: tuple[tuple[Line, ...], ...] = (
    (
        ("equipment", "Sewing machine and cloth", "Local tailors' cooperative", 320_00),
        ("training", "Course in small business", "Chamber of commerce", 120_00),
    ),
    (
        ("stock", "First stock of a grocery stall", "Wholesale market", 360_00),
        ("housing", "One month's rent", "Landlord", 100_00),
    ),
    (("equipment", "Tools of an electrician", "Hardware store", 450_00),),
)
_CHILD: tuple[Line, ...] = (("education", "School fees, uniform and books", "Public school", 150_00),)
#: Too dear for what it is.
_REJECTED: tuple[Line, ...] = (("equipment", "Motorcycle, second hand", "Workshop", 490_00),)
#: Of ten deliveries, how many cost less than planned, and by how much.
_CHEAPER_EACH, _SAVED = 10, 15_00


async def open_funds(journey: Journey) -> None:
    """Two donors have promised money."""
    for fund in journey.scenario.funds:
        body = {
            "code": fund.code,
            "donor": fund.donor,
            "currency": "EUR",
            "amount": fund.amount,
            "starts_on": journey.calendar.day(0).isoformat(),
            "ends_on": (journey.calendar.day(0) + timedelta(days=365)).isoformat(),
        }
        answer = await journey.gateway.post("finance", "/api/reintegration/funds", body)
        journey.fund_ids.append(answer["fund_id"])


async def reintegrate(journey: Journey) -> None:
    """From the funds to the last delivery."""
    calendar, parts, day = journey.calendar, journey.parts, journey.scenario.days.flight
    await calendar.until(day + 5, 9, "Funds opened by two donors")
    await open_funds(journey)
    await calendar.until(day + 8, 9, "Reintegration plans submitted")
    rejected = journey.people.named(parts.plan_rejected)
    leaving = journey.people.named(parts.drops_out)
    await journey.gateway.each(
        journey.people.received,
        lambda each: submit(journey, each, _REJECTED if each in rejected else plan_of(journey, each)),
    )
    await calendar.until(day + 10, 9, "Plans approved by finance")
    await journey.gateway.each(
        [each for each in journey.people.received if each not in rejected], lambda each: approve(journey, each)
    )
    for traveller in rejected:
        await reject(journey, traveller)
        await submit(journey, traveller, plan_of(journey, traveller))
        await approve(journey, traveller)
    staying = [each for each in journey.people.received if each not in leaving]
    await calendar.until(day + 16, 9, "Assistance handed over by local suppliers")
    await journey.gateway.each(staying, lambda each: deliver_all(journey, each))
    await calendar.until(day + 18, 9, "A delivery corrected, a person drops out")
    await set_right(journey, leaving)
    await calendar.until(day + 20, 9, "Reintegration completed")
    await journey.gateway.each(staying, lambda each: complete(journey, each))


def plan_of(journey: Journey, traveller: Traveller) -> tuple[Line, ...]:
    """What the person and the focal point have worked out."""
    if traveller.is_child(journey.calendar.today):
        return _CHILD
    return _ADULT[traveller.row % len(_ADULT)]


def fund_of(journey: Journey, traveller: Traveller) -> str:
    """The first donor pays for two of three."""
    return journey.fund_ids[traveller.row % 3 == 0]


async def submit(journey: Journey, traveller: Traveller, lines: tuple[Line, ...]) -> None:
    """The focal point proposes a plan."""
    names = ("kind", "description", "supplier", "amount")
    body = {
        "fund_id": fund_of(journey, traveller),
        "lines": [dict(zip(names, line, strict=True)) for line in lines],
    }
    await journey.gateway.post("reintegration", f"/api/reintegration/cases/{traveller.case_id}/plan", body)


async def approve(journey: Journey, traveller: Traveller) -> None:
    """Somebody else agrees."""
    await journey.gateway.post("finance", f"/api/reintegration/cases/{traveller.case_id}/plan/approve")


async def reject(journey: Journey, traveller: Traveller) -> None:
    """Somebody else doesn't agree."""
    body = {"reason": "Running costs are not covered: propose something smaller"}
    await journey.gateway.post("finance", f"/api/reintegration/cases/{traveller.case_id}/plan/reject", body)


async def deliver_all(journey: Journey, traveller: Traveller) -> None:
    """Every line is handed over against proof."""
    for number, _ in enumerate(plan_of(journey, traveller), start=1):
        await deliver(journey, traveller, number)


async def deliver(journey: Journey, traveller: Traveller, number: int) -> None:
    """One line is handed over against proof."""
    budget = plan_of(journey, traveller)[number - 1][-1]
    body = {
        "proof_reference": f"RECEIPT-{traveller.reference}-{number}",
        "amount": budget - _SAVED if traveller.row % _CHEAPER_EACH == 0 else budget,
    }
    path = f"/api/reintegration/cases/{traveller.case_id}/lines/{number}/delivery"
    await journey.gateway.post("reintegration", path, body)


async def set_right(journey: Journey, leaving: list[Traveller]) -> None:
    """What was recorded for somebody else is corrected and then delivered; who takes no part any more drops out."""
    for traveller in journey.people.named(journey.parts.delivery_corrected):
        path = f"/api/reintegration/cases/{traveller.case_id}/lines/1/delivery/correct"
        body = {"reason": "The receipt was of another person"}
        await journey.gateway.post("reintegration", path, body)
        await deliver(journey, traveller, 1)
    for traveller in leaving:
        body = {"reason": "Has found work in another city"}
        await journey.gateway.post("reintegration", f"/api/reintegration/cases/{traveller.case_id}/cancel", body)


async def complete(journey: Journey, traveller: Traveller) -> None:
    """Everything is delivered."""
    await journey.gateway.post("reintegration", f"/api/reintegration/cases/{traveller.case_id}/completion")
