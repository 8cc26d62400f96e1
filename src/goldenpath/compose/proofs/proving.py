"""The places that hold what proves a prediction."""

from functools import cache

from goldenpath.audit.anchors.anchors_branch import AnchorsRead, read_anchors
from goldenpath.audit.proofs.prediction_proof import ProofSources
from goldenpath.audit.timeline.intent import read_history
from goldenpath.compose.gitops_access import (
    anchors_repository,
    gitops,
    sighting,
    statement_times,
    trusted,
)
from goldenpath.compose.process_context import now
from goldenpath.compose.stores import store_of
from goldenpath.compose.witness import machine_of, stamp_certificates
from goldenpath.digest import Digest
from goldenpath.home import Home
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.release.attest.documents import Documents
from goldenpath.release.attest.policy import Demand, Verified
from goldenpath.release.attest.verify import Reading, gather, judge, require_all_read


def proof_sources(home: Home) -> ProofSources:
    """Return where a prediction of this machine is proven from."""
    known = trusted(home)
    platform, main, branch = known.platform, gitops(home), anchors_repository(home)
    witness = machine_of(home, platform)
    policy, people = release_policy(platform), platform.people

    @cache  # of one run: a sample asks for each of its records
    def statements(digest: Digest, named: frozenset[Digest]) -> tuple[Documents, Verified]:
        moment, seen = now(), statement_times(home, known)[0]
        demand = Demand(digest, policy, people, moment, seen)
        documents = gather(store_of(home, platform), digest, reading=Reading(demand, named))
        judged = judge(digest, documents, policy, people, now=moment, seen=seen)
        return documents, require_all_read(judged)

    return ProofSources(
        home=home,
        trusted=known,
        main=main,
        branch=branch,
        anchors=read_anchors(branch, platform.witnesses) if witness else AnchorsRead(None),
        machine=witness.name if witness else "",
        history=cache(
            lambda model: read_history(main, known.commit, model, sighting=sighting(home))
        ),
        statements=statements,
        certificates=stamp_certificates(),
    )
