"""The entry point: page configuration and the router, nothing else."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from dashboard.glossary_foot import show_glossary
from dashboard.pages import PAGES

HERE = ROOT / "dashboard"
st.set_page_config(page_title="Divide and Refine", page_icon=str(HERE / "assets" / "icon.svg"), layout="wide")
pages = [
    st.Page(HERE / "views" / file, title=title, icon=icon, url_path=address, default=place == 0)
    for place, (file, title, icon, address) in enumerate(PAGES)
]
st.navigation(pages).run()
show_glossary()
