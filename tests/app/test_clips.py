"""Clips that play beside their utterance."""

from __future__ import annotations

import wave

import numpy as np

from dashboard.state import corpora
from tests.conftest import with_rows


def test_a_clip_that_is_there_is_played_and_only_beside_its_own_turn(open_page, workspace, tmp_path):
    clip = tmp_path / "Ses01F_impro01_F000.wav"
    with wave.open(str(clip), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * 800)
    corpus = workspace.engine.corpus("planted")
    dialogue = corpus.dialogue_ids("test")[0]
    media = [""] * len(corpus)
    media[corpus.dialogue_rows[dialogue][0]] = str(clip)
    with_rows(corpus, "clips", np.ones(len(corpus), dtype=bool), media=media).save(workspace.data / "clips")
    corpora.clear()  # an earlier page may have looked up the corpora just before
    opened = open_page("dialogue", corpus="clips", dialogue=dialogue, turn="0")
    assert [sound.proto.url.endswith(".wav") for sound in opened.app.get("audio")] == [True]
    assert not open_page("dialogue", corpus="clips", dialogue=dialogue, turn="1").app.get("audio")
