"""The Engine: the one door through which pages, the command line and the service reach corpora, runs and results."""

from __future__ import annotations

from dnr_core.catalogue import DEMO_CORPUS, DEMO_RUN, Recent
from dnr_core.explain.edits import Edit
from dnr_core.results.attribution import AttributionResults
from dnr_core.results.card import CardResults
from dnr_core.results.compare import CompareResults
from dnr_core.results.errors import ErrorResults
from dnr_core.results.information import InformationResults
from dnr_core.results.notes import NoteResults
from dnr_core.results.projection import ProjectionResults
from dnr_core.results.signals import SignalResults
from dnr_core.results.splits import SplitResults
from dnr_core.results.trust import TrustResults
from dnr_core.results.upload import UploadResults
from dnr_core.results.whatif import WhatIfResults


class Engine(
    ErrorResults,
    TrustResults,
    SplitResults,
    InformationResults,
    AttributionResults,
    WhatIfResults,
    CardResults,
    CompareResults,
    SignalResults,
    ProjectionResults,
    NoteResults,
    UploadResults,
):
    """Which corpora and runs there are (Catalogue), and what runs say of corpora, computed once and stored (results/).

    Reading stored results needs no torch; it is imported when something has to be computed. One engine serves all
    sessions of a process: what it keeps in memory is shared and bounded.
    """


__all__ = ["DEMO_CORPUS", "DEMO_RUN", "Edit", "Engine", "Recent"]
