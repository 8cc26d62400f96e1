"""What `goldenpath sample` shows, and the bundles that it writes."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from goldenpath import compose
from goldenpath.audit.anchors.anchors_branch import SignedRecord
from goldenpath.audit.proofs.bundle_archive import render_archive
from goldenpath.audit.proofs.prediction_proof import ProofSources, prove_record
from goldenpath.audit.proofs.stratified_sample import CONFIDENCE, Sample

_MOST_ERRORS = 3


def render_head(head: SignedRecord) -> str:
    """Return what an auditor notes before they choose a seed."""
    return (
        f"head {head.commit.id} of {head.record.time.isoformat()}\n"
        "choose a seed now, for example by dice: goldenpath sample --seed SEED"
    )


def write_bundles(sources: ProofSources, sample: Sample, folder: Path) -> Mapping[str, str]:
    """Write the proof of each record to a file of the folder. Return the files by prediction."""
    files = {}
    for record in sample.records:
        proven = prove_record(sources, record.segment, record.place)
        file = folder / f"{proven.prediction_id}.tar.gz"
        folder.mkdir(parents=True, exist_ok=True)
        compose.write_whole(
            file, render_archive(f"prediction-{proven.prediction_id}", proven.files)
        )
        files[record.prediction_id] = str(file)
    return files


def sample_record(sample: Sample, proofs: Mapping[str, str]) -> Mapping[str, object]:
    """Return what `--output json` shows."""
    return {
        "head": sample.head,
        "time": sample.time,
        "seed": sample.seed,
        "size": sample.size,
        "expired": sample.expired,
        "strata": sample.strata,
        "records": [
            {
                "prediction": each.prediction_id,
                "stratum": each.stratum,
                "extra": each.is_extra,
                "segment": each.segment.name,
                "place": each.place,
                "proof": proofs.get(each.prediction_id),
            }
            for each in sample.records
        ],
        "confidence": CONFIDENCE,
        "bounds": {errors: sample.bound(errors) for errors in _errors(sample)},
    }


def render_sample(sample: Sample, proofs: Mapping[str, str]) -> str:
    """Return the page for people."""
    return "\n".join(_lines(sample, proofs))


def _lines(sample: Sample, proofs: Mapping[str, str]) -> Iterator[str]:
    yield f"head {sample.head} of {sample.time.isoformat()}, seed {sample.seed!r}"
    if sample.expired:
        yield f"NOT IN THE FRAME: {sample.expired} records that were deleted by rule"
    for stratum in sample.strata:
        extra = ", and 1 more that the bound does not count" if stratum.extra else ""
        yield f"  {stratum.name}: {stratum.drawn} of {stratum.size}{extra}"
    for record in sample.records:
        proof = f"  {proofs[record.prediction_id]}" if record.prediction_id in proofs else ""
        yield f"{record.prediction_id}  {record.stratum}{proof}"
    for errors in _errors(sample):
        yield (
            f"if {errors} of the {sample.counted} are wrong, at most "
            f"{100 * sample.bound(errors):.3g} % of the {sample.size} are, "
            f"with {100 * CONFIDENCE:.0f} % confidence"
        )


def _errors(sample: Sample) -> range:
    return range(min(_MOST_ERRORS, sample.counted) + 1)
