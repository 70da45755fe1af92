"""The tables of a study: table.md and table.tex to read, table.csv and differences.csv to compute with."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dnr_core.data.files import replacing_file
from dnr_core.figures.latex import ampersands, escaped, tabular
from dnr_core.study.records import read_records
from dnr_core.study.summary import Difference, Row, Summary, summary_of

COLUMNS = ("weighted F1", "accuracy", "parameters", "training (s)", "peak memory (MiB)", "seeds")
DIFFERENCE_COLUMNS = ("corpus", "difference", "backbone", "weighted F1", "n")
NONE = "–"
NOTES = (
    "Mean ± sd [95 % t-interval over seeds]; seconds are means, memory is the largest.",
    "Differences are paired by seed; over all backbones the interval takes backbone × seed as independent.",
)


def write_tables(out: Path) -> Summary:
    """Write the tables from the records of a study. Raises DnRError where a record is damaged or nothing is written."""
    summary = summary_of(read_records(out))
    contents = {
        "table.md": markdown(summary),
        "table.tex": latex(summary),
        "table.csv": comma_separated(csv_rows(summary.rows)),
        "differences.csv": comma_separated(csv_differences(summary.differences)),
    }
    for name, content in contents.items():
        with replacing_file(out / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return summary


def spread(found: dict[str, Any]) -> str:
    """`mean ± sd [low, high]`; the mean alone where there is one value."""
    mean = f"{found['mean']:.4f}"
    if found["sd"] is None:
        return mean
    return f"{mean} ± {found['sd']:.4f} [{found['interval'][0]:.4f}, {found['interval'][1]:.4f}]"


def cells(row: Row) -> list[str]:
    """One cell a name in COLUMNS."""
    accuracy = row.scores["accuracy"]
    return [
        spread(row.scores["weighted_f1"]),
        f"{accuracy['mean']:.4f}" + ("" if accuracy["sd"] is None else f" ± {accuracy['sd']:.4f}"),
        str(row.parameters),
        f"{row.seconds:.1f}",
        str(row.peak_memory_mib),
        str(len(row.seeds)),
    ]


def layout(rows: Sequence[Row]) -> tuple[dict[str, str], list[list[str]]]:
    """Corpus → split in the order of the columns, and a line a model: method, backbone, COLUMNS of each corpus."""
    corpora = {row.corpus: row.split for row in rows}
    models = dict.fromkeys((row.method, row.backbone) for row in rows)
    known = {(row.method, row.backbone, row.corpus): cells(row) for row in rows}
    empty = [NONE] * len(COLUMNS)
    lines = [
        [
            method,
            backbone or NONE,
            *(cell for corpus in corpora for cell in known.get((method, backbone, corpus), empty)),
        ]
        for method, backbone in models
    ]
    return corpora, lines


def difference_cells(one: Difference) -> list[str]:
    """One cell a name in DIFFERENCE_COLUMNS."""
    where = one.backbone or "all backbones"
    return [one.corpus, f"{one.method} − {one.baseline}", where, spread(one.found), str(len(one.found["values"]))]


def markdown(summary: Summary) -> str:
    """The tables in Markdown, with the runs that failed."""
    corpora, lines = layout(summary.rows)
    head = [
        "method",
        "backbone",
        *(f"{corpus} ({split}): {name}" for corpus, split in corpora.items() for name in COLUMNS),
    ]
    parts = ["\n".join(map(pipes, [head, ["---"] * len(head), *lines]))]
    if summary.differences:
        table = [DIFFERENCE_COLUMNS, ["---"] * len(DIFFERENCE_COLUMNS), *map(difference_cells, summary.differences)]
        parts.append("\n".join(map(pipes, table)))
    parts.append("\n".join(NOTES))
    parts += [f"Failed: {name}: {line}" for name, line in summary.failed.items()]
    return "\n\n".join(parts) + "\n"


def pipes(words: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(word.replace("|", r"\|") for word in words) + " |"


def latex(summary: Summary) -> str:
    """The tables for LaTeX with the package booktabs: one tabular for the models, one for the differences."""
    corpora, lines = layout(summary.rows)
    width = len(COLUMNS)
    groups = " & ".join(rf"\multicolumn{{{width}}}{{c}}{{{escaped(f'{c} ({split})')}}}" for c, split in corpora.items())
    rules = " ".join(rf"\cmidrule(lr){{{3 + width * n}-{2 + width * (n + 1)}}}" for n in range(len(corpora)))
    head = ampersands(["method", "backbone", *COLUMNS * len(corpora)])
    parts = [tabular("ll" + "r" * width * len(corpora), [rf"& & {groups} \\", rules, head], map(ampersands, lines))]
    if summary.differences:
        body = [ampersands(difference_cells(one)) for one in summary.differences]
        parts.append(tabular("lllrr", [ampersands(DIFFERENCE_COLUMNS)], body))
    return "% \\usepackage{booktabs}\n" + "\n\n".join(parts) + "\n" + "".join(f"% {note}\n" for note in NOTES)


def csv_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A model a line; columns `<corpus>:<name>` with all digits."""
    lines: dict[tuple[str, str | None], dict[str, Any]] = {}
    for row in rows:
        line = lines.setdefault((row.method, row.backbone), {"method": row.method, "backbone": row.backbone})
        found = {key: value for name, score in row.scores.items() for key, value in flat(name, score).items()}
        found |= {name: getattr(row, name) for name in ("parameters", "seconds", "peak_memory_mib", "split")}
        line |= {f"{row.corpus}:{name}": value for name, value in (found | {"n_seeds": len(row.seeds)}).items()}
    return list(lines.values())


def csv_differences(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """A difference a line; an empty backbone stands for all of them."""
    return [
        {"corpus": one.corpus, "method": one.method, "baseline": one.baseline, "backbone": one.backbone}
        | flat("difference", one.found)
        | {"n": len(one.found["values"])}
        for one in differences
    ]


def flat(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Mean, sd and interval as columns."""
    low, high = found["interval"] or (None, None)
    return {name: found["mean"], f"{name}_sd": found["sd"], f"{name}_low": low, f"{name}_high": high}


def comma_separated(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as CSV under the names of all of them; cells that are None are empty."""
    stream = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
