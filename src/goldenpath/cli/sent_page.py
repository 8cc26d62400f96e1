"""The result of sending rows to a model, as text: latency, and which release answered what."""

from goldenpath.serve.send_rows import Sent


def sent_page(sent: Sent) -> str:
    """Return the text that `goldenpath send` prints."""
    rate = sent.rows / sent.seconds if sent.seconds else 0.0
    quick = ", ".join(f"{name} {value:g} ms" for name, value in sent.milliseconds.items())
    lines = [f"{sent.rows} rows in {sent.requests} requests, {sent.seconds:.2f} s, {rate:.0f}/s"]
    lines.append(f"latency   {quick}")
    for title, counts in (("release", sent.releases), ("outcome", sent.outcomes)):
        for name, count in sorted(counts.items(), key=lambda each: -each[1]):
            lines.append(f"{title:9} {name[:19]:20} {count / max(sent.rows, 1):7.1%}")
    return "\n".join([*lines, f"first id  {', '.join(sent.prediction_ids[:1])}"])
