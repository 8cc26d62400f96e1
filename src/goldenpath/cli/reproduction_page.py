"""The result of a repeated training as text: equal, or the differences and their causes."""

from goldenpath.release.reproduce.reproduction import Reproduction


def reproduction_page(found: Reproduction) -> str:
    """Return the text that `goldenpath reproduce` prints."""
    lines = [f"release   {found.digest}", f"repeated  {found.repeated}"]
    if found.equal:
        return "\n".join([*lines, f"equal, bit for bit, from commit {found.commit[:12]}"])
    lines += [f"differs   {name}" for name in found.files]
    lines += [f"cause     {cause}" for cause in found.causes]
    if found.rows:
        lines.append(
            f"scores    differ by at most {found.largest_difference:.2g}, "
            f"{found.mean_difference:.2g} in the mean; {found.decisions_changed} of "
            f"{found.rows} reference rows are decided otherwise"
        )
    if found.unscored:
        lines.append(f"scores    not compared: {found.unscored}")
    return "\n".join(lines)
