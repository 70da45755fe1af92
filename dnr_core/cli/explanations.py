"""Commands that explain runs: explain."""

from __future__ import annotations

from dnr_core.cli.output import answer
from dnr_core.cli.runs import corpus_of
from dnr_core.commands import Explain
from dnr_core.errors import DnRError
from dnr_core.progress import TrainingProgress
from dnr_core.serve import Engine


def explain(command: Explain) -> None:
    from dnr_core.experiment import check_writable
    from dnr_core.explain.nulls import claims
    from dnr_core.explain.table import explanation_table, write_table

    engine = Engine()
    corpus = corpus_of(engine, command.checkpoint, command.corpus)
    if command.out.is_dir() or (command.out.exists() and not command.overwrite):
        add = "" if command.out.is_dir() else ", or add --overwrite"
        raise DnRError(f"{command.out} exists", do=f"choose another --out{add}")
    check_writable(command.out)
    with TrainingProgress() as shown:
        stored = engine.compute_coalitions(
            command.checkpoint, corpus, command.split, command.scope, progress=shown.rows
        )
        null = engine.component_null(command.checkpoint, corpus, command.scope, progress=shown.nulls)
    header, rows = engine.fitting(command.checkpoint, corpus)
    if null is None:
        raise KeyboardInterrupt
    offered = None
    if engine.has_information(command.checkpoint, corpus):
        offered = engine.information(command.checkpoint, corpus, command.split)
    ids = rows.utterances["utterance_id"].to_numpy(dtype=object)[stored.arrays["row"]]
    tested = claims(null, stored.values(slice(None), ids))
    table = explanation_table(
        header.emotions, rows, stored, command.scope, significant=tested.significant, information=offered
    )
    write_table(table, command.out)
    gap = float(table["completeness_gap"].max())
    claimed = int(tested.significant.sum())
    values = {
        "out": str(command.out), "rows": len(table), "largest_completeness_gap": gap,
        "significant": claimed, "not_tested": tested.reason,
    }  # fmt: skip
    said = f"no part is claimed: {tested.reason}" if tested.reason else f"{claimed} with a decisive part"
    line = f"{command.out}: {len(table)} utterances, {said}, largest completeness gap {gap:.1e}"
    answer(values, line, as_json=command.json)
