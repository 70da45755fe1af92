"""Many runs as one grid: trained here one after the other or on a cluster, and summarised in tables."""

from dnr_core.study.grid import Cell, Grid, ask, open_study, read_grid
from dnr_core.study.page import write_page
from dnr_core.study.records import RunRecord, read_records
from dnr_core.study.run import KEEPS, run_study
from dnr_core.study.summary import Difference, Row, Summary, summary_of
from dnr_core.study.tables import write_tables
from dnr_core.study.variants import variants_of
from dnr_core.study.workers import one_after_another

__all__ = [
    "KEEPS", "Cell", "Difference", "Grid", "Row", "RunRecord", "Summary", "ask", "one_after_another", "open_study",
    "read_grid", "read_records", "run_study", "summary_of", "variants_of", "write_page", "write_tables",
]  # fmt: skip
