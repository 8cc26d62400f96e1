"""Makes `messages.parquet`: made-up messages, the same ones each time. Needs numpy and pyarrow."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 1000
TARGET = Path(__file__).parent / "messages.parquet"
OPENINGS = ("Hello,", "Good morning,", "I have a problem:", "Please help me.", "Once again:", "")
SUBJECTS = {
    "cards": (
        "my card was declined at the petrol station", "the cash machine kept my card",
        "somebody paid with my stolen card", "my new credit card never arrived",
        "I forgot the secret number of my card", "the card limit is too low for my holiday",
    ),
    "loans": (
        "the rate of my mortgage is higher than agreed", "I want to repay my loan early",
        "my application for a loan was refused without a reason", "the instalment was taken twice",
        "how much interest is left on my loan", "please send me the plan of repayments",
    ),
    "payments": (
        "my transfer has not reached the landlord", "a direct debit was taken that I never allowed",
        "I sent money to a wrong account", "the standing order was not executed this month",
        "my salary has not been credited yet", "a payment abroad was charged with a fee",
    ),
}  # fmt: skip
CLOSINGS = ("Please answer soon.", "Thank you.", "This is urgent!", "I am disappointed.", "")


def main() -> None:
    """Draw the messages and the desk that answered each of them, and write them."""
    draw = np.random.default_rng(20260301)
    desks = draw.choice(sorted(SUBJECTS), ROWS)
    messages = []
    for desk in desks:
        about = [draw.choice(SUBJECTS[desk])]
        if draw.random() < 0.25:  # some messages are about two things
            about.append(draw.choice(SUBJECTS[draw.choice(sorted(SUBJECTS))]))
        parts = (draw.choice(OPENINGS), " and ".join(about) + ".", draw.choice(CLOSINGS))
        messages.append(" ".join(part for part in parts if part))
    columns = {
        "number": np.arange(ROWS),
        "message": pa.array(messages),
        "desk": pa.array(desks.tolist()),
        "channel": pa.array(draw.choice(["app", "letter"], ROWS, p=[0.7, 0.3]).tolist()),
    }
    pq.write_table(pa.table(columns), TARGET, compression="zstd")


if __name__ == "__main__":
    main()
