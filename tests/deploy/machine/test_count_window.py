from goldenpath.deploy.machine.count_window import Counts, CountWindow


def counts(hits: int, total: int) -> Counts:
    return {"outcome decline": (hits, total)}


def hear(stretch: CountWindow, hits: int, total: int) -> None:
    stretch.hear(
        {
            "event": "answers",
            "deployment": "prod/credit",
            "slot": "a",
            "counts": {"outcome decline": [hits, total]},
        }
    )


def test_what_was_counted_before_the_traffic_changed_is_left_out() -> None:
    stretch = CountWindow()
    hear(stretch, 30, 100)
    stretch.begin("prod/credit")
    hear(stretch, 35, 120)

    assert stretch.counts("prod/credit") == {"prod/credit/a": counts(5, 20)}
    assert stretch.counts("prod/other") == {}


def test_an_observer_that_counts_from_nothing_begins_anew() -> None:
    stretch = CountWindow()
    hear(stretch, 30, 100)
    stretch.begin("prod/credit")
    hear(stretch, 2, 10)

    assert stretch.counts("prod/credit") == {"prod/credit/a": counts(2, 10)}
