"""The overview in sentences: who wins at the standard numbers of calls, and how far the teacher comes."""

from made_records import made, metric, metric_of

from sigbench.leaderboard.board import Entry, Standing, boards
from sigbench.leaderboard.sections import Section
from sigbench.leaderboard.summary import TaskSummary, summaries
from sigbench.records.family import budget_sentence
from sigbench.records.record import Record


def summary_of(*records: Record | tuple[Record, Standing], title: str = "") -> TaskSummary:
    entries = [Entry(*each) if isinstance(each, tuple) else Entry(each) for each in records]
    (found,) = summaries(boards(entries), {"gmm": title})
    return found


def w1(value: float, half: float = 0.001) -> dict:
    return {"w1": metric(value, half), "ks": metric(1.0 - value, half)}


def test_each_standard_number_of_calls_has_its_sentence_on_the_headline_metric() -> None:
    five = [made("a", 5, w1(0.1)), made("b", 5, w1(0.3)), made("c", 5, w1(0.1001))]
    others = [made("a", 7, w1(0.1)), made("a", 10, w1(0.05))]
    found = summary_of(*five, *others, title="A mixture")
    assert found.title == "A mixture"
    assert found.sentences == (
        "w1 at 5 calls: a is best; equivalent to it: c.",
        "w1 at 10 calls: a alone.",
    )
    assert found.sentences[0] == budget_sentence(five, "w1")
    assert found.missing == "Not measured at 1, 2, 3, 8, 20 and 50 calls."


def test_a_sentence_is_of_the_family_alone() -> None:
    """Not of what is handed in, or does better on another grid."""
    others: list[Record | tuple[Record, Standing]] = [
        (made("theirs", 5, w1(0.01)), "reported"),
        made("b", 5, w1(0.9), grid="uniform"),
    ]
    family = made("a", 5, w1(0.1)), made("b", 5, w1(0.3))
    assert summary_of(*family, *others).sentences == (budget_sentence(family, "w1"),)


def test_a_sentence_names_what_counts_and_is_not_compared() -> None:
    """Else it would say that a sampler is best that has better ones beside it."""
    few = {"w1": metric(0.02, 0.001, repeats=3), "ks": metric(0.5, 0.1, repeats=3)}
    family = made("a", 5, w1(0.1)), made("b", 5, w1(0.3))
    (sentence,) = summary_of(*family, made("few", 5, few)).sentences
    assert sentence == f"{budget_sentence(family, 'w1')} Not compared: few (3 repeats, the others 5)."


def test_repeats_that_are_too_few_are_said() -> None:
    once = {"w1": metric_of([0.2], 0.01)}
    found = summary_of(made("a", 5, once), made("b", 5, once))
    (sentence,) = found.sentences
    assert sentence.startswith("w1 at 5 calls: not compared, since one repeat has no spread")


def test_the_teacher_has_a_line_of_its_own() -> None:
    teacher = made("teacher (euler-maruyama)", 300, {"w1": metric_of([0.0099, 0.0101, 0.01, 0.0102, 0.0098], 0.01)})
    line = summary_of(made("a", 5, w1(0.1)), teacher).teacher
    assert line.startswith("teacher (euler-maruyama) reaches w1 0.01 [")
    assert "in 300 calls, at the floor; the floor is 0.01 [" in line
    assert summary_of(made("a", 5, w1(0.1)), (teacher, "reported")).teacher == ""
    assert summary_of(made("a", 5, w1(0.1))).teacher == ""


def test_what_a_board_is_of() -> None:
    assert summary_of(made("a", 5)).about == "1,000 samples × 5 repeats, seed 0, task version 1."
    few = made("b", 5, {"w1": metric(0.02, 0.001, repeats=3)})
    assert summary_of(made("a", 5), few).about == "1,000 samples a repeat, seed 0, task version 1."
    assert "guidance 2, seed 0" in summary_of(made("a", 5, conditions={"guidance": 2.0})).about


def test_a_task_of_studies_alone_names_them() -> None:
    section = Section("gbm", "Orders of convergence", "", (), (), {}, "")
    (found,) = summaries({"gbm": []}, {}, [section, section])
    assert (found.task, found.sentences, found.studies) == ("gbm", (), ("Orders of convergence",))


def test_a_task_of_failures_alone_says_that_nothing_was_measured() -> None:
    found = summary_of(made("a", 5, status="failed"))
    assert (found.sentences, found.teacher) == ((), "")
