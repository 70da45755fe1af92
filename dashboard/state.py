"""What is being looked at: kept for the session, written into the address, read back from it and checked.

The truth stands in session state under the names of LINK; widgets are set from it and change it in their callbacks, so
it survives a page switch and every page can write the whole of it into its address. A widget's own `bind` leaves
defaults out of the address, and the parameters of widgets that a page does not show: such a link opens another picture.
"""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.attribution_link import ATTRIBUTION_LINK, AttributionChoice, select_attribution
from dashboard.compare_link import COMPARE_LINK, CompareChoice, select_comparison
from dashboard.errors_link import ERROR_LINK, ErrorChoice, select_errors
from dashboard.figures_link import FIGURE_LINK, FigureChoice, select_figure
from dashboard.projection_link import MAP_LINK, MapChoice, select_map
from dashboard.words import select_word, short, unless
from dnr_core.config import checkpoint_root, data_root
from dnr_core.errors import DnRError
from dnr_core.serve import DEMO_CORPUS, DEMO_RUN, Engine, Recent
from dnr_core.types import REMOVALS, CorpusInfo, RunInfo, RunSummary

OPTIONAL = (
    "off", "scope", "listed", "emotion", "removal", *ERROR_LINK, *MAP_LINK, *COMPARE_LINK, *ATTRIBUTION_LINK,
    *FIGURE_LINK,
)  # fmt: skip
"""Left out of the address while they are at their default, so that an address without them means the default."""
LINK = ("corpus", "checkpoint", "dialogue", "turn", *OPTIONAL)
SCOPES = {"dialogue": "every turn", "turn": "this turn only"}
LISTED = ("all", "errors")
NO_RUN = "none"


@dataclass(frozen=True)
class Selection:
    """A checked selection. `run` is None while browsing without a model, `corpus` where none can be read.

    `emotion`: the one to explain, None: the predicted one; `removal`: what stands for a part that is off;
    `messages` are for the reader, one line each; `corpus` is a data.corpus.Corpus; `errors`: see errors_link;
    `map`: see projection_link; `compared`: see compare_link; `attributed`: see attribution_link;
    `drawn`: see figures_link.
    """

    corpus_name: str | None
    corpus: Any
    run: RunSummary | None
    dialogue: str | None
    turn: int
    off: frozenset[str]
    scope: str
    listed: str
    emotion: str | None
    removal: str
    messages: tuple[str, ...]
    errors: ErrorChoice
    map: MapChoice
    compared: CompareChoice
    attributed: AttributionChoice
    drawn: FigureChoice


@st.cache_resource
def opened(data: Path, checkpoints: Path) -> tuple[Engine, str | None]:
    """The engine of these folders and what went wrong when the demo corpus of a fresh clone was written."""
    made = Engine(data, checkpoints)
    made.models.threads = 1  # sessions share the cores: two threads of each are slower than one
    try:
        made.ensure_demo()
    except DnRError as error:
        return made, str(error)
    return made, None


@st.cache_resource(show_spinner=False)
def keep_out_of_garbage_collection(torch_is_loaded: bool) -> None:
    """Streamlit collects garbage after every run of a page: the modules, which stay, need not be looked through.

    Once when the first page is drawn and once when torch has been loaded: 0.1 s and 0.2 s a run of any page.
    """
    gc.collect()
    gc.freeze()


def engine() -> Engine:
    """The one engine of this process."""
    return opened(data_root(), checkpoint_root())[0]


@st.cache_resource
def shelf() -> Recent:
    """Small derived results, shared by all sessions: labels of dialogues, scores of a split."""
    return Recent(64)


@st.cache_data(ttl=5, max_entries=4, show_spinner=False)
def corpora(folder: str) -> list[CorpusInfo]:
    """Corpora under the data folder, looked up at most every few seconds."""
    return engine().corpora()


@st.cache_data(ttl=5, max_entries=4, show_spinner=False)
def runs(folder: str) -> list[RunInfo]:
    """Runs under the checkpoint folder, looked up at most every few seconds."""
    return engine().runs()


def read_link() -> tuple[list[str], set[str]]:
    """Take over what the address says where the reader changed it. Returns (messages, names taken over)."""
    state, given = st.session_state, {name: st.query_params.get_all(name) for name in st.query_params}
    if given == state.get("written_link") or state.get("written_values", values()) != values():
        return [], set()
    taken = {name for name in LINK if given.get(name)}
    for name in taken:
        state[name] = [value.replace(" ", "+") for value in given[name]] if name == "off" else given[name][-1]
    if given:  # a page switch empties the address, and keeps everything
        for name in set(OPTIONAL) - taken:
            state.pop(name, None)
    strange = sorted(set(given) - set(LINK))
    return [f"The link has an unknown parameter {short(name)}: it was left out." for name in strange], taken


def values() -> tuple[Any, ...]:
    """The raw values behind the address, comparable."""
    return tuple(str(st.session_state.get(name)) for name in LINK)


def write_link(chosen: Selection) -> None:
    """Write every parameter into the address, whatever the page shows, and remember what was written."""
    link: dict[str, list[str]] = {
        "corpus": [chosen.corpus_name] if chosen.corpus_name else [],
        "checkpoint": [chosen.run.info.name if chosen.run else st.session_state.get("checkpoint") or NO_RUN],
        "dialogue": [chosen.dialogue] if chosen.dialogue else [],
        "turn": [str(chosen.turn)] if chosen.dialogue else [],
        "off": sorted(chosen.off),
        "scope": unless(chosen.scope, next(iter(SCOPES))),
        "listed": unless(chosen.listed, LISTED[0]),
        "emotion": unless(chosen.emotion, None),
        "removal": unless(chosen.removal, REMOVALS[0]),
    }
    for part in (chosen.errors, chosen.map, chosen.compared, chosen.attributed, chosen.drawn):
        link |= part.link()
    link = {name: given for name, given in link.items() if given}
    if {name: st.query_params.get_all(name) for name in st.query_params} != link:
        st.query_params.from_dict(link)
    st.session_state.written_link, st.session_state.written_values = link, values()


def select() -> Selection:
    """The selection of this rerun, checked against what there is; what does not exist is replaced and reported."""
    keep_out_of_garbage_collection("torch" in sys.modules)
    messages, taken = read_link()
    if problem := opened(data_root(), checkpoint_root())[1]:
        messages.append(f"The demo corpus could not be written: {problem}")
    corpus_name, corpus = select_corpus(messages)
    run = select_run(corpus_name, messages)
    dialogue = select_dialogue(corpus, messages, reported="dialogue" in taken)
    turn = select_turn(corpus, dialogue, messages)
    off = select_off(run, messages, reported="off" in taken)
    scope, listed = select_word("scope", tuple(SCOPES), messages), select_word("listed", LISTED, messages)
    emotion = select_emotion(corpus, messages, reported="emotion" in taken)
    removal = select_word("removal", REMOVALS, messages)
    errors = select_errors(corpus, messages, taken)
    mapped = select_map(run, messages, taken)
    known = tuple(info.name for info in runs(str(engine().checkpoints)))
    compared = select_comparison(run, known, messages, taken)
    attributed = select_attribution(run, messages, taken)
    drawn = select_figure(messages)
    chosen = Selection(
        corpus_name, corpus, run, dialogue, turn, off, scope, listed, emotion, removal, tuple(messages),
        errors, mapped, compared, attributed, drawn,
    )  # fmt: skip
    write_link(chosen)
    return chosen


def select_corpus(messages: list[str]) -> tuple[str | None, Any]:
    """Name and corpus; the demo where nothing was chosen, else the first that can be read."""
    state, known = st.session_state, {info.name: info for info in corpora(str(engine().data))}
    readable = [name for name, info in known.items() if not info.problem]
    fallback = DEMO_CORPUS if DEMO_CORPUS in readable else (readable or [*known, None])[0]
    wanted = state.get("corpus")
    if wanted is not None and wanted not in known:
        messages.append(f"Unknown corpus {short(wanted)}: showing {fallback or 'nothing'} instead.")
        wanted = None
    state.corpus = wanted if wanted is not None else fallback
    if state.corpus is None:
        return None, None
    try:
        return state.corpus, engine().corpus(state.corpus)
    except DnRError as error:
        messages.append(str(error))
        return state.corpus, None


def select_run(corpus_name: str | None, messages: list[str]) -> RunSummary | None:
    """The run; the one trained on the corpus where nothing was chosen; None: browse without a model."""
    state, known = st.session_state, {info.name: info for info in runs(str(engine().checkpoints))}
    wanted = state.get("checkpoint")
    if wanted is not None and wanted != NO_RUN and wanted not in known:
        messages.append(f"Unknown checkpoint {short(wanted)}: it is not in {engine().checkpoints}/.")
        wanted = None
    state.checkpoint = wanted if wanted is not None else own_run(corpus_name, known)
    if state.checkpoint == NO_RUN:
        return None
    try:
        return engine().run(state.checkpoint)
    except DnRError as error:
        messages.append(str(error))
        return None


def own_run(corpus_name: str | None, known: dict[str, RunInfo]) -> str:
    """A readable run that was trained on this corpus, the demo run first; NO_RUN where there is none."""
    hashes = {info.name: info.hash for info in corpora(str(engine().data))}
    own = [
        name for name, info in known.items()
        if not info.problem and corpus_name and info.corpus_hash == hashes.get(corpus_name)
    ]  # fmt: skip
    return DEMO_RUN if DEMO_RUN in own else (own or [NO_RUN])[0]


def select_dialogue(corpus: Any, messages: list[str], *, reported: bool) -> str | None:
    """The dialogue; the first of the test split (else of the corpus) where nothing was chosen."""
    state = st.session_state
    if corpus is None:
        return None
    wanted = state.get("dialogue")
    if wanted is None or wanted not in corpus.split_of:
        fallback = (corpus.dialogue_ids("test") or corpus.dialogue_ids())[0]
        if reported and wanted is not None:
            messages.append(f"Corpus {short(corpus.name)} has no dialogue {short(wanted)}: showing {fallback}.")
        state.dialogue = fallback
    return state.dialogue


def select_turn(corpus: Any, dialogue: str | None, messages: list[str]) -> int:
    """The turn in focus, from 0."""
    state = st.session_state
    last = len(corpus.dialogue_rows[dialogue]) - 1 if dialogue else 0
    raw = state.get("turn", 0)
    digits = str(raw).isascii() and str(raw).isdigit() and len(str(raw)) < 9
    if not digits or int(raw) > last:
        messages.append(f"No turn {short(raw)} here: expected a number from 0 to {last}; showing turn 0.")
        raw = 0
    state.turn = int(raw)
    return state.turn


def select_off(run: RunSummary | None, messages: list[str], *, reported: bool) -> frozenset[str]:
    """The parts that are off, among those that the run has."""
    players = run.players if run else ()
    wanted = st.session_state.get("off", ())
    for name in wanted:
        if reported and run and name not in players:
            messages.append(f"Unknown part {short(name)}: expected one of {', '.join(players)}.")
    off = frozenset(name for name in wanted if name in players)
    if run:
        st.session_state.off = sorted(off)
    return off


def select_emotion(corpus: Any, messages: list[str], *, reported: bool) -> str | None:
    """The emotion to explain; None: the predicted one."""
    wanted, known = st.session_state.get("emotion"), corpus.emotions if corpus is not None else ()
    if wanted is None or wanted in known:
        return wanted
    if reported and corpus is not None:
        messages.append(f"Unknown emotion {short(wanted)}: expected one of {', '.join(known)}.")
    st.session_state.emotion = None
    return None


def go_to(dialogue: str, turn: int) -> None:
    """Put another utterance into focus."""
    st.session_state.dialogue, st.session_state.turn = dialogue, turn
