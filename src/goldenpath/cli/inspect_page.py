"""What `goldenpath inspect` prints: the content of a release, or the parts of it."""

from collections.abc import Iterator

from goldenpath.audit.registers.bill_of_materials import BillOfMaterials
from goldenpath.release.artifact.inspection import Inspection


def bill_lines(bill: BillOfMaterials) -> Iterator[str]:
    """Yield the lines about the parts."""
    yield bill.digest
    yield from (f"unknown: {each}" for each in bill.unknown)
    yield f"parts      {len(bill.parts)}"
    for part in bill.parts:
        yield f"  {part.name:<40} {part.version:<16} {part.purl}"


def inspection_lines(inspection: Inspection) -> Iterator[str]:
    """Yield the lines about layers and statements."""
    signed = (
        f"signed by {', '.join(inspection.signers)}"
        if inspection.signers
        else "no trusted signature"
    )
    yield inspection.digest
    yield f"content    {inspection.mark}: {signed}"
    yield f"type       {inspection.media_type}"
    for key, text in inspection.annotations.items():
        yield f"{key.rpartition('.')[2]:<10} {text}"
    yield f"layers     {len(inspection.layers)}, {inspection.total:,} bytes"
    for layer in inspection.layers:
        yield f"  {layer.digest[:19]}  {layer.size:>14,}  {layer.title}"
        for file in layer.files or ():
            yield f"    {file.digest[:19]}  {file.size:>12,}  {file.path}"
    yield f"referrers  {len(inspection.referrers)}"
    for entry in inspection.referrers:
        mark = f"{entry.mark} by {entry.signer}" if entry.signer else entry.mark
        yield f"  {entry.digest[:19]}  {mark:<24} {entry.predicate_type or entry.artifact_type}"
    yield f"check it with: goldenpath verify {inspection.digest}"
