"""The pages of the dashboard, one line each: file in views/, title, icon, address."""

PAGES = (
    ("overview.py", "Overview", ":material/monitoring:", "overview"),
    ("dialogue.py", "Dialogue", ":material/forum:", "dialogue"),
)
