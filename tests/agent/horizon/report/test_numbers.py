"""How the page prints numbers; the page itself is in `test_report.py`."""

from __future__ import annotations

from markupsafe import Markup

from latent_mpc.agent.horizon.report.report import _number, _numbers


def test_a_percent_sign_stays_on_the_line_of_its_number_and_a_minus_is_one() -> None:
    html = _numbers(Markup('<td>-3</td> 95 % of cost-to-go, pairs-2 <img alt="-1 %">'))
    assert html == Markup(
        '<td>\u22123</td> 95\u00a0% of cost-to-go, pairs-2 <img alt="\u22121\u00a0%">'
    )


def test_numbers_have_three_digits_unless_asked_otherwise_and_those_of_a_group_their_names() -> (
    None
):
    assert (_number(0.123456), _number(0.123456, ".1f"), _number(12)) == ("0.123", "0.1", "12")
    assert (
        _number({"rate": 0.5, "minus_agent": {"low": -0.25}}) == "rate 0.5, minus agent low -0.25"
    )
