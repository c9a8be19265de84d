"""Which curves charts show at first: none that runs on another, and no more than can be told apart."""

from sigbench.report.folding import MOST_CURVES, folded_sentence, shown_first, twins


def test_twins_have_the_same_values_wherever_both_were_measured() -> None:
    values = {
        "euler-maruyama": {(2, "q"): [1.0, 2.0], (5, "q"): [0.5, 0.6], (9, "q"): [0.1, 0.1]},
        "torchsde-euler": {(2, "q"): [1.000001, 2.0], (5, "q"): [0.5, 0.6]},
        "once-the-same": {(2, "q"): [1.0, 2.0], (5, "q"): [0.5, 0.61]},
        "elsewhere": {(2, "u"): [1.0, 2.0]},
        "fewer-repeats": {(2, "q"): [1.0]},
    }
    assert twins(values) == {"torchsde-euler": "euler-maruyama"}


def test_the_cheapest_stands_for_its_twins_then_the_one_measured_most() -> None:
    few, many = {5: [0.1]}, {5: [0.1], 10: [0.05]}
    assert twins({"b": few, "a": many, "c": few}, {"a": 3.0, "b": 2.0, "c": 2.0}) == {"a": "b", "c": "b"}
    assert twins({"b": many, "a": few}) == {"a": "b"}
    assert twins({"b": few, "a": few}) == {"b": "a"}


def test_values_that_differ_by_more_than_float_arithmetic_are_no_twins() -> None:
    assert twins({"a": {5: [0.1]}, "b": {5: [0.1 * (1 + 5e-5)]}}) == {"b": "a"}
    assert twins({"a": {5: [0.1]}, "b": {5: [0.1 * (1 + 5e-4)]}}) == {}


def test_a_family_shows_its_best_and_no_more_than_can_be_told_apart() -> None:
    families = {f"s{i:02}": "sde" for i in range(17)} | {"t": "student", "u": "sde"}
    places = {f"s{i:02}": [17 - i, 18 - i] for i in range(17)} | {"t": [19]}
    found = shown_first(families, {"s16": "s15"}, places)
    left = [name for name in families if name not in found.behind and name not in found.twins]
    assert sorted(left) == [f"s{i:02}" for i in range(8, 16)] + ["t"]
    assert len([name for name in left if families[name] == "sde"]) == MOST_CURVES == 8
    assert "u" in found.behind  # it has no place at all


def test_what_is_folded_is_said() -> None:
    assert folded_sentence({}) == ""
    assert folded_sentence({"b": "a", "c": "a", "e": "d"}) == (
        "Folded into one curve, since step for step b and c have the values of a; e has the values of d."
    )
