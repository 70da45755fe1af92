"""The pages of the dashboard, one line each: file in views/, title, icon, address."""

PAGES = (
    ("overview.py", "Overview", ":material/monitoring:", "overview"),
    ("dialogue.py", "Dialogue", ":material/forum:", "dialogue"),
    ("components.py", "Components", ":material/donut_small:", "components"),
    ("attribution.py", "Attribution", ":material/target:", "attribution"),
    ("whatif.py", "What if", ":material/tune:", "whatif"),
    ("projection.py", "Projection", ":material/scatter_plot:", "projection"),
    ("errors.py", "Errors", ":material/fact_check:", "errors"),
    ("compare.py", "Compare", ":material/compare_arrows:", "compare"),
    ("figures.py", "Figures", ":material/picture_as_pdf:", "figures"),
    ("data.py", "Data", ":material/database:", "data"),
)
