"""Text and tables for LaTeX: every sign as it was typed, and a tidy table as a booktabs tabular."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "−": "$-$", "–": "--", "×": r"$\times$",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "·": r"$\cdot$",
    "→": r"$\to$", "≤": r"$\leq$", "≥": r"$\geq$", "Δ": r"$\Delta$", "…": r"\dots{}", "—": "---", "“": "``", "”": "''",
    "‘": "`", "’": "'", "•": r"\textbullet{}", "°": r"$^\circ$", "✗": r"$\times$", "\u00a0": "~",
}  # fmt: skip
NEEDS_UNICODE = "% letters beyond Latin: compile with XeLaTeX or LuaLaTeX and a font that has them\n"
LAST_LATIN = 0x24F
NONE = "--"


def escaped(text: str) -> str:
    """A text as LaTeX shows it letter for letter."""
    return "".join(LATEX.get(letter, letter) for letter in text)


def booktabs(frame: pd.DataFrame, *, digits: int = 3) -> str:
    """A tidy table as a tabular between booktabs rules: all columns, numbers to the right with `digits` decimals."""
    numbers = [is_numeric_dtype(column) and not is_bool_dtype(column) for _, column in frame.items()]
    head = ampersands([str(name) for name in frame.columns])
    columns = [cells(column, number, digits) for (_, column), number in zip(frame.items(), numbers, strict=True)]
    body = [" & ".join(line) + r" \\" for line in zip(*columns, strict=True)]
    table = tabular("".join("r" if number else "l" for number in numbers), [head], body)
    beyond = any(ord(letter) > LAST_LATIN and letter not in LATEX for line in (head, *body) for letter in line)
    return "% \\usepackage{booktabs}\n" + (NEEDS_UNICODE if beyond else "") + table + "\n"


def cells(column: pd.Series, number: bool, digits: int) -> list[str]:
    """A column as LaTeX: a dash where nothing is known, a true minus, text on one line."""
    if not number:
        return [NONE if value is None or pd.isna(value) else escaped(" ".join(str(value).split())) for value in column]
    return [spelt(value, digits) for value in column]


def spelt(value: float, digits: int) -> str:
    """A number: whole ones as they are, others with so many decimals, very small ones as powers of ten."""
    if value is pd.NA or not math.isfinite(value):
        return NONE if value is pd.NA or math.isnan(value) else r"$\infty$" if value > 0 else r"$-\infty$"
    if isinstance(value, int) or not hasattr(value, "is_integer") or str(value).lstrip("-").isdigit():
        return f"{value}".replace("-", "$-$")
    if value and abs(value) < 10**-digits:
        mantissa, _, power = f"{value:.1e}".partition("e")
        return f"${mantissa}\\cdot 10^{{{int(power)}}}$"
    return f"{value:.{digits}f}".replace("-", "$-$")


def tabular(columns: str, head: Sequence[str], body: Iterable[str]) -> str:
    """A tabular between booktabs rules."""
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *head, r"\midrule", *body, r"\bottomrule"]
    return "\n".join([*lines, r"\end{tabular}"])


def ampersands(words: Sequence[str]) -> str:
    """A line of a tabular."""
    return " & ".join(map(escaped, words)) + r" \\"
