"""Invented sentences that fit what the text of a planted utterance carries, with speaking times."""

from __future__ import annotations

import re

import numpy as np

from dnr_core.data.planted_codes import Plan
from dnr_core.data.planted_phrases import ADJECTIVES, CARRIED, FILLS, HALF, LIKE, MASKED, NAMES, PLAIN
from dnr_core.types import MODALITIES, split_player

CASES = ("carried", "half", "masked", "plain")
"""What the words say: the emotion · half of it · sarcasm or restraint (one code of a synergy) · nothing."""
TEXT = MODALITIES.index("text")


def case_of(sources: list[str], codes: np.ndarray, classes: int) -> tuple[str, tuple[int, ...]]:
    """The case of an utterance and the classes that its words name, from its sources and text codes (P,), −1 = none.

    With two sources the plainest case wins, in the order of CASES.
    """
    found = []
    for source, code in zip(sources, codes, strict=False):
        family, members = split_player(source)
        if code < 0:
            continue
        if family == "copy":
            first, half = members[0] == "text", classes // 2
            named = tuple(c for c in range(classes) if (c // half if first else c % half) == code)
            found.append(("half", named))
        else:
            found.append(("carried" if family in ("unique", "redundant") else "masked", (int(code),)))
    return min(found, key=lambda case: CASES.index(case[0]), default=("plain", ()))


def templates(case: str, emotion: str) -> tuple[str, ...]:
    """The templates of a case; an emotion that has none of its own gets those that name it."""
    if case in ("plain", "half"):
        return PLAIN if case == "plain" else HALF
    phrases = CARRIED if case == "carried" else MASKED
    return phrases.get(LIKE.get(emotion, emotion), phrases["other"])


def adjective(emotion: str) -> str:
    """The word that stands behind 'I am': `joy` → `happy`; an unknown name stands for itself."""
    return ADJECTIVES.get(emotion, emotion.replace("_", " "))


def either(emotions: list[str]) -> str:
    """`['joy', 'sad', 'angry']` → `'happy, sad or angry'`."""
    words = [adjective(emotion) for emotion in emotions]
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


class Writer:
    """Writes the dialogues of one corpus: no template comes back in a dialogue before its case has used them all."""

    def __init__(self, random: np.random.Generator, emotions: tuple[str, ...]) -> None:
        self.random, self.emotions = random, emotions
        self.decks: dict[tuple[str, str], list[str]] = {}
        self.said: set[str] = set()

    def write(
        self, mixture: list[str], planted: Plan, speakers: list[str]
    ) -> tuple[list[str], list[float], list[float]]:
        """Sentence, start and end in seconds of each of the N utterances; times count from the start of a dialogue."""
        texts, starts, ends = [], [], []
        by_dialogue = np.split(np.array(speakers, dtype=object), np.flatnonzero(planted.turn == 0)[1:])
        cast = [sorted(set(block)) for block in by_dialogue]
        now = 0.0
        for row, speaker in enumerate(speakers):
            if planted.turn[row] == 0:
                self.decks, self.said, now = {}, set(), 0.0
            sources = [] if planted.earlier[row] else [mixture[i] for i in planted.source[row] if i >= 0]
            case, named = case_of(sources, planted.codes[row, :, TEXT], len(self.emotions))
            others = [name for name in cast[planted.dialogue[row]] if name != speaker] or [NAMES[0]]
            texts.append(self.sentence(case, [self.emotions[c] for c in named], others))
            start = now + 0.1 + 0.7 * self.random.random()
            now = start + 0.5 + (0.25 + 0.15 * self.random.random()) * len(texts[-1].split())
            starts.append(round(start, 2))
            ends.append(round(now, 2))
        return texts, starts, ends

    def sentence(self, case: str, named: list[str], people: list[str]) -> str:
        """A sentence of this case that names these emotions, new to the dialogue where five attempts find one."""
        text = ""
        for _ in range(5):
            template = self.next_template(case, named[0] if len(named) == 1 else "")
            text = self.fill(template, either(named), people)
            if text not in self.said:
                break
        self.said.add(text)
        return text

    def next_template(self, case: str, emotion: str) -> str:
        """The next card of the shuffled deck of a case."""
        deck = self.decks.setdefault((case, emotion), [])
        if not deck:
            cards = templates(case, emotion)
            deck.extend(cards[i] for i in self.random.permutation(len(cards)))
        return deck.pop()

    def fill(self, template: str, feeling: str, people: list[str]) -> str:
        """A template with its places filled at random, each sentence from a capital letter on."""
        choices = {**FILLS, "person": people, "feeling": [feeling]}

        def pick(place: re.Match[str]) -> str:
            options = choices[place[1]]
            return options[int(self.random.integers(len(options)))]

        text = re.sub(r"\{(\w+)\}", pick, template)
        return re.sub(r"(^|[.!?] )([a-z])", lambda start: start[1] + start[2].upper(), text)
