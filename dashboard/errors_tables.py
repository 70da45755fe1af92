"""The table of slices of the Errors page."""

from __future__ import annotations

from dashboard.errors_data import SplitErrors
from dashboard.errors_link import slice_name
from dashboard.markup import shown
from dnr_core.figures.rows.audit import slice_cells

ABOUT_SLICES = (
    "Click one to list its utterances. 95 % intervals from drawing whole dialogues. Of an emotion: accuracy is recall, "
    "F1 is that of the class."
)


def slice_table(errors: SplitErrors, chosen: str | None) -> str:
    """The slices as rows of HTML to click, by group; the line in a bar is where all utterances are."""
    audit, whole = errors.audit, 1 - float(errors.wrong.sum() / (errors.found.gold >= 0).sum())
    rows, group = [], None
    for place, (one, score) in enumerate(zip(audit.slices, audit.scores, strict=True)):
        if one.group != group:
            group = one.group
            rows.append(f'<tr class="group"><td colspan="4">{shown(group)}</td></tr>')
        focus = " focus" if slice_name(one.group, one.name) == chosen else ""
        inner = "".join(f"<td>{text}</td>" for text in slice_cells(one, score, whole))
        rows.append(f'<tr class="slice{focus}" data-turn="{place}" tabindex="0">{inner}</tr>')
    head = "".join(f"<th>{name}</th>" for name in ("slice", "accuracy", "weighted F1", "n"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
