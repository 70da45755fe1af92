"""Adding a corpus in the browser: the files of a release, a name, progress, and what came of it."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from dashboard.markup import heading, notice
from dashboard.state import corpora, engine
from dnr_core.errors import DnRError

ABOUT = (
    "One release in any layout that prepare knows: a table (utterances.csv and its .npy arrays), MELD's three CSV "
    "files, one pickle, or a zip with one of these. Up to {limit:,} MB a file; nothing leaves this machine."
)
FALLBACK = "my-corpus"
TARGETS = ("emotion", "sentiment")


def add_corpus() -> None:
    """The way to a corpus: what came of the last one, the running one, or the form."""
    heading("Add a corpus", ABOUT.format(limit=st.get_option("server.maxUploadSize")))
    upload = st.session_state.get("upload")
    if upload is not None and upload.running:
        waiting()
        return
    if upload is not None and upload.report is not None and not st.session_state.upload_chosen:
        choose(upload.name)
        st.rerun()
    if problem := st.session_state.pop("upload_refused", None):
        notice(problem)
    elif upload is not None and upload.report is None:
        notice(f"{upload.name} was not added: {upload.problem or 'its process was ended'}")
    elif upload is not None:
        notice(f"Corpus {upload.name} was added and is chosen at the left.", kind="info")
    form()


def form() -> None:
    """Files, name and options; nothing is written before the button is pressed."""
    files = st.file_uploader(
        "Files of one release", accept_multiple_files=True, key=uploader_key(), label_visibility="collapsed"
    )
    suggested = suggestion([file.name for file in files])
    left, right = st.columns([1, 1.6], vertical_alignment="bottom", gap="medium")
    left.text_input("Name of the corpus", key="upload_name", placeholder=suggested, max_chars=64)
    with right.expander("Other labels"):
        st.text_input(
            "Emotions, in order (--emotions)", key="upload_emotions",
            placeholder="happy=happy+excited sad neutral angry",
            help="Leave it empty for the labels of the release. Others stay as turns without a label.",
        )  # fmt: skip
        st.segmented_control(
            "What to predict (--target)", TARGETS, default=TARGETS[0], key="upload_target", required=True
        )
    name = st.session_state.upload_name.strip() or suggested
    if any(info.name == name for info in corpora(str(engine().data))):
        st.checkbox(f"Replace the corpus {name} that is there", key="upload_replace")
    st.button(
        f"Prepare as {name}", key="begin_upload", type="primary", disabled=not files, on_click=begin,
        help="Reads the files in a process of its own; it can be cancelled.",
    )  # fmt: skip


def begin() -> None:
    """Start to prepare what stands in the form."""
    state = st.session_state
    files = state[uploader_key()]
    try:
        state.upload = engine().begin_upload(
            [(file.name, file.getbuffer()) for file in files],
            state.upload_name.strip() or suggestion([file.name for file in files]),
            overwrite=state.get("upload_replace", False),
            emotions=state.upload_emotions.replace(",", " ").split(),
            target=state.upload_target,
        )
    except DnRError as error:
        state.upload, state.upload_refused = None, str(error)
    else:
        state.upload_generation, state.upload_chosen = state.get("upload_generation", 0) + 1, False
        state.upload_name, state.upload_replace = "", False


def uploader_key() -> str:
    """A new uploader after every upload: the files need not stay in memory."""
    return f"upload_files_{st.session_state.get('upload_generation', 0)}"


@st.fragment(run_every=1.0)
def waiting() -> None:
    """How far it is, every second, and a button that cancels it; the page goes on when it has ended."""
    upload = st.session_state.get("upload")
    if upload is None or not upload.running:
        st.rerun()
    left, right = st.columns([5, 1], vertical_alignment="center")
    with left:
        said = f" · {upload.line}" if upload.line else ""
        notice(f"Preparing {upload.name}: {upload.seconds:.0f} s{said}.", kind="info")
    right.button("Cancel", key="end_upload", on_click=upload.cancel, width="stretch")


def choose(name: str) -> None:
    """Look at a corpus that has just come, from its first dialogue."""
    corpora.clear()
    st.session_state.update(
        upload_chosen=True, corpus=name, checkpoint=None, against=None, dialogue=None, turn=0, off=[]
    )


def report_of(name: str) -> dict[str, Any]:
    """What `prepare` said of a corpus: of the one that was added now, all of it. Raises DnRError."""
    upload = st.session_state.get("upload")
    if upload is not None and upload.report is not None and upload.name == name:
        return upload.report
    return engine().corpus_report(name)


def suggestion(names: list[str]) -> str:
    """A name for the corpus of some files."""
    stems = [name.rpartition(".")[0] or name for name in names]
    if any(stem.endswith("_sent_emo") for stem in stems):
        return "meld"
    if not stems or "utterances" in stems:
        return FALLBACK
    return re.sub("[^A-Za-z0-9_-]+", "-", stems[0]).strip("-_")[:64] or FALLBACK
