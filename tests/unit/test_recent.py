"""The store of what was made last: what it forgets, and what threads wait for."""

from __future__ import annotations

import threading

import pytest

from dnr_core.catalogue import Recent


def test_what_was_asked_for_longest_ago_is_forgotten_first():
    kept, made = Recent(2), []

    def value(name: str) -> str:
        return kept.get(name, lambda: made.append(name) or name)

    assert [value(name) for name in "ab"] == ["a", "b"]
    assert kept.known("a") == "a", "asked for, so b is the oldest now"
    value("c")
    assert kept.known("b") is None and kept.known("a") == "a"
    assert [value(name) for name in "bb"] == ["b", "b"]
    assert made == ["a", "b", "c", "b"] and kept.known("c") is None


def test_one_value_is_made_once_and_nobody_waits_for_another():
    kept, made, goes_on, begun = Recent(4), [], threading.Event(), threading.Event()
    kept.get("ready", lambda: 1)

    def slow() -> int:
        made.append("slow")
        begun.set()
        assert goes_on.wait(10)
        return 2

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(kept.get("slow", slow)), daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    asked = threading.Thread(target=lambda: found.append(kept.get("ready", lambda: 0) + kept.get("new", lambda: 9)))
    asked.start()
    asked.join(10)
    assert found == [10] and kept.known("slow") is None, "while the other value is still being made"
    goes_on.set()
    for thread in threads:
        thread.join(10)
    assert found == [10, 2, 2, 2] and made == ["slow"]


def test_what_could_not_be_made_is_made_when_it_is_asked_for_again():
    kept = Recent(1)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 // 0)
    found: list[int] = []
    asked = threading.Thread(target=lambda: found.append(kept.get("a", lambda: 3)), daemon=True)
    asked.start()
    asked.join(10)
    assert found == [3], "what failed keeps nobody waiting"
    assert kept.get("b", lambda: kept.get("a", lambda: 0)) == 3, "one value may need another"
