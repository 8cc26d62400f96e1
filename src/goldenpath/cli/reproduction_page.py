"""The result of a repeated training as text: equal, or the differences and their causes."""

from goldenpath.release.reproduce.reproduction import Reproduction


def reproduction_page(reproduction: Reproduction) -> str:
    """Return the text that `goldenpath reproduce` prints."""
    lines = [f"release   {reproduction.digest}", f"repeated  {reproduction.repeated}"]
    if reproduction.equal:
        return "\n".join([*lines, f"equal, bit for bit, from commit {reproduction.commit[:12]}"])
    lines += [f"differs   {name}" for name in reproduction.files]
    lines += [f"cause     {cause}" for cause in reproduction.causes]
    if reproduction.rows:
        lines.append(
            f"scores    differ by at most {reproduction.largest_difference:.2g}, "
            f"{reproduction.mean_difference:.2g} in the mean; {reproduction.decisions_changed} of "
            f"{reproduction.rows} reference rows are decided otherwise"
        )
    if reproduction.unscored:
        lines.append(f"scores    not compared: {reproduction.unscored}")
    return "\n".join(lines)
