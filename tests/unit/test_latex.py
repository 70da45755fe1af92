"""Tables for LaTeX: every sign as it was typed, numbers to the right."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from dnr_core.figures.latex import booktabs, escaped
from dnr_core.study import tables

FRAME = pd.DataFrame({
    "part_of": ["unique · text", "100 % & $x_1$", "a\nb"], "value": [0.12345, -1.5, np.nan], "n": [1, -20, 300],
    "small": [1e-7, -0.00002, 0.0], "yes": [True, False, True], "said": ["C:\\~^#{}", None, "x"],
})  # fmt: skip


def test_signs_are_escaped():
    assert escaped(r"100 % of $5 & a_b #1 {x} ~ ^ \ ") == (
        r"100 \% of \$5 \& a\_b \#1 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{} "
    )
    assert escaped("−1 ± 2 – 3 × 4 → … <b>") == (
        r"$-$1 $\pm$ 2 -- 3 $\times$ 4 $\to$ \dots{} \textless{}b\textgreater{}"
    )


def test_studies_escape_in_the_same_way():
    assert tables.escaped is escaped


def test_a_table_has_all_columns_and_rows():
    lines = booktabs(FRAME).splitlines()
    assert lines[:4] == [
        "% \\usepackage{booktabs}", r"\begin{tabular}{lrrrll}", r"\toprule",
        r"part\_of & value & n & small & yes & said \\",
    ]  # fmt: skip
    assert lines[4:] == [
        r"\midrule",
        r"unique $\cdot$ text & 0.123 & 1 & $1.0\cdot 10^{-7}$ & True & C:\textbackslash{}\textasciitilde{}"
        r"\textasciicircum{}\#\{\} \\",
        r"100 \% \& \$x\_1\$ & $-$1.500 & $-$20 & $-2.0\cdot 10^{-5}$ & False & -- \\",
        r"a b & -- & 300 & 0.000 & True & x \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_digits_are_those_asked_for():
    assert " 0.1235 " in booktabs(FRAME, digits=4)
    assert " 0.1 " in booktabs(FRAME, digits=1)


def test_other_letters_stay_and_name_the_engine():
    table = booktabs(pd.DataFrame({"名前": ["喜び"], "x": [1.0]}))
    assert "喜び" in table and "名前" in table
    assert "XeLaTeX or LuaLaTeX" in table and "XeLaTeX" not in booktabs(FRAME)


def test_what_is_infinite_or_empty():
    table = booktabs(pd.DataFrame({"x": [np.inf, -np.inf, np.nan], "y": pd.array([1, pd.NA, 3], dtype="Int64")}))
    assert r"$\infty$ & 1 \\" in table and r"$-\infty$ & -- \\" in table and r"-- & 3 \\" in table
    assert r"\midrule" in booktabs(pd.DataFrame({"x": [], "y": []}))


ENGINE = next(filter(None, map(shutil.which, ("tectonic", "xelatex", "lualatex", "pdflatex"))), None)


@pytest.mark.skipif(ENGINE is None, reason="no TeX engine is installed")
def test_it_compiles(tmp_path):
    head = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
    source = f"{head}{booktabs(FRAME)}\\end{{document}}\n"
    (tmp_path / "table.tex").write_text(source, encoding="utf-8")
    subprocess.run([ENGINE, "table.tex"], cwd=tmp_path, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    assert (tmp_path / "table.pdf").exists()
