"""What the service cannot take is refused in one shape, and it goes on answering."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save
from service_process import Service, error_of

JSON, SAFETENSORS = {"Content-Type": "application/json"}, {"Content-Type": "application/vnd.safetensors"}
TURN = {"speaker": "A", "text": [0.1] * 6, "audio": [0.2] * 5, "visual": None}


def one(turn: Any) -> dict[str, Any]:
    return {"dialogues": [{"dialogue_id": "d", "utterances": [TURN, turn]}]}


@pytest.fixture(autouse=True)
def lives_on(service: Service) -> Iterator[None]:
    """After whatever came, a good request is answered as before."""
    wanted = service.post("/predict", one(TURN)).json()
    yield
    assert service.post("/predict", one(TURN)).json() == wanted


@pytest.mark.parametrize(
    ("body", "where", "word"),
    [
        (b"", None, "JSON"),
        (b"{not json", None, "JSON"),
        (b"[" * 100_000, None, "JSON"),
        (b"[]", None, "object"),
        (b"{}", "dialogues", "required"),
        (b'{"dialogues": []}', "dialogues", "at least 1"),
        (b'{"dialogues": [{"utterances": []}]}', "dialogues.0.utterances", "at least 1"),
        (b'{"dialogues": [{"utterances": [{}]}], "more": 1}', "more", "not permitted"),
        (b"\xff\xfe", None, "JSON"),
    ],
    ids=["nothing", "no-json", "nested", "list", "empty", "no-dialogue", "no-turn", "unknown-field", "no-utf8"],
)
def test_malformed_json(service: Service, body: bytes, where: str | None, word: str) -> None:
    error = error_of(service.ask("POST", "/predict", data=body, headers=JSON), 422, word)
    assert error["where"] == where


@pytest.mark.parametrize(
    ("turn", "where"),
    [
        (TURN | {"text": [0.1] * 7}, "text"),
        (TURN | {"audio": [0.1] * 4}, "audio"),
        (TURN | {"text": []}, "text"),
        (TURN | {"text": [0.1] * 5 + ["1"]}, "text.5"),
        (TURN | {"text": [0.1] * 5 + [True]}, "text.5"),
        (TURN | {"text": "0.1"}, "text"),
        (TURN | {"visual": [1e300] * 4}, "visual.0"),
        (TURN | {"speaker": 5}, "speaker"),
        (TURN | {"speaker": "x" * 201}, "speaker"),
        ("turn", ""),
    ],
    ids=[
        "wide",
        "narrow",
        "none",
        "text-cell",
        "bool-cell",
        "string",
        "too-large",
        "number",
        "long-name",
        "string-turn",
    ],
)
def test_wrong_turns_are_named_by_their_place(service: Service, turn: Any, where: str) -> None:
    error = error_of(service.post("/predict", one(turn)), 422)
    assert error["where"] == f"dialogues.0.utterances.1.{where}".rstrip(".")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite(service: Service, number: str) -> None:
    text = json.dumps(one(TURN)).replace("0.1", number, 1)
    error = error_of(service.ask("POST", "/predict", data=text.encode(), headers=JSON), 422)
    assert error["where"] == "dialogues.0.utterances.0.text.0"


@pytest.mark.parametrize("route", ["predict", "explain", "coalitions", "attribute"])
def test_a_dialogue_of_100_000_turns(service: Service, route: str) -> None:
    body: dict[str, Any] = {"dialogues": [{"utterances": [{}] * 100_000}]}
    error = error_of(service.post(f"/{route}", body | ({"turn": 0} if route == "attribute" else {})), 422, "1000")
    assert error["where"] == "dialogues.0.utterances"


def test_more_turns_than_are_explained_at_once(service: Service) -> None:
    body = {"dialogues": [{"utterances": [TURN] * 260}] * 2}
    error_of(service.post("/explain", body), 422, "got 520", "at most 500")


def test_a_body_that_is_too_large_is_refused_before_and_while_it_comes(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as stated:
        stated.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                       b"Content-Length: 99999999999\r\n\r\n")  # fmt: skip
        assert b" 413 " in stated.recv(4096)
    error_of(service.ask("POST", "/predict", data=iter([b" " * 2**20] * 34), headers=JSON), 413, "32 MiB")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/xml; a=b"])
def test_another_kind_of_body(service: Service, kind: str) -> None:
    error_of(service.ask("POST", "/predict", data=b"{}", headers={"Content-Type": kind}), 415, "safetensors")


@pytest.mark.parametrize(
    ("route", "options", "where"),
    [
        ("attribute", {"turn": 2}, "turn"), ("attribute", {"turn": -1}, "turn"), ("attribute", {}, "turn"),
        ("attribute", {"turn": 0, "method": "magic"}, "method"), ("attribute", {"turn": 0, "target": "bored"}, None),
        ("attribute", {"turn": 0, "baseline": "donor"}, "baseline"),
        ("attribute", {"turn": 0, "over": "words"}, "over"),
        ("attribute", {"turn": 0, "method": "occlusion", "over": "features"}, None),
        ("explain", {"scope": "corpus"}, "scope"), ("coalitions", {"removal": "donor"}, "removal"),
    ],
)  # fmt: skip
def test_unknown_choices(service: Service, route: str, options: dict[str, Any], where: str | None) -> None:
    error = error_of(service.post(f"/{route}", one(TURN) | options), 422)
    assert error["where"] == where
    if options.get("target"):
        assert "bored" in error["message"] and "happy" in error["message"]


def test_an_attribution_is_of_one_dialogue(service: Service) -> None:
    body = {"dialogues": one(TURN)["dialogues"] * 2, "turn": 0}
    assert error_of(service.post("/attribute", body), 422)["where"] == "dialogues"


ARRAYS = {"text": np.zeros((3, 6), np.float32), "lengths": np.array([2, 1])}


@pytest.mark.parametrize(
    ("arrays", "word"),
    [
        ({"text": ARRAYS["text"]}, "lengths"),
        (ARRAYS | {"lengths": np.array([2, 2])}, "(4, 6)"),
        (ARRAYS | {"lengths": np.array([4, -1])}, "lengths"),
        (ARRAYS | {"lengths": np.array([2**62, 2**62, 2**62, 2**62])}, "lengths"),
        (ARRAYS | {"lengths": np.array([], np.int64)}, "lengths"),
        (ARRAYS | {"lengths": np.array([1001])}, "1000"),
        (ARRAYS | {"lengths": np.array([2.0, 1.0])}, "lengths"),
        (ARRAYS | {"text": np.zeros((3, 7), np.float32)}, "(3, 6)"),
        (ARRAYS | {"text": np.zeros((3, 6), np.int32)}, "text"),
        (ARRAYS | {"text": np.full((3, 6), np.nan, np.float32)}, "dialogues.0.utterances.0.text.0"),
        (ARRAYS | {"text": np.full((3, 6), 1e300)}, "finite"),
        (ARRAYS | {"more": np.zeros(1)}, "unknown tensor"),
        (ARRAYS | {"present": np.ones((3, 2), bool)}, "present"),
        (ARRAYS | {"speaker": np.zeros(2, np.int64)}, "speaker"),
    ],
)
def test_wrong_tensors(service: Service, arrays: dict[str, np.ndarray], word: str) -> None:
    error_of(service.ask("POST", "/predict", data=save(arrays), headers=SAFETENSORS), 422, word)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xff" * 8, b"\xff" * 100, save(ARRAYS)[:-3], b"\x02\x00\x00\x00\x00\x00\x00\x00{}",
        save(ARRAYS, {"dialogue_ids": '["a"]'}), save(ARRAYS, {"dialogue_ids": "[" * 5000}),
        save(ARRAYS, {"options": '{"turn": 1}'}),
    ],
    ids=["nothing", "length", "noise", "cut", "empty", "ids", "nested", "options"],
)  # fmt: skip
def test_malformed_safetensors(service: Service, body: bytes) -> None:
    error_of(service.ask("POST", "/predict", data=body, headers=SAFETENSORS), 422)


def test_unknown_paths_and_methods(service: Service) -> None:
    error_of(service.ask("GET", "/nothing/here"), 404)
    error_of(service.ask("GET", "/predict"), 405)
    error_of(service.ask("DELETE", "/model"), 405)
    assert service.ask("GET", "/docs").status_code == service.ask("GET", "/redoc").status_code == 404


def test_numbers_that_overflow_in_the_model_are_no_answer(service: Service) -> None:
    answer = service.post("/predict", one(TURN | {"visual": [3e38, -3e38, 3e38, -3e38]}))
    assert answer.status_code in (200, 422) and "NaN" not in answer.text and "Infinity" not in answer.text


def test_a_page_of_another_site_cannot_ask_through_a_made_up_name(service: Service) -> None:
    error_of(service.ask("GET", "/model", headers={"Host": "evil.example:8600"}), 421, "localhost")
    for host in ("localhost", "127.0.0.1:80", "[::1]:8600", "LOCALHOST:1"):
        assert service.ask("GET", "/model", headers={"Host": host}).status_code == 200, host


def test_what_dashboards_ask_is_checked_as_well(service: Service, engine: Any, corpus: Any) -> None:
    from dnr_core.remote.codec import encode
    from dnr_core.remote.corpora import pack

    manifest, other = engine.header("dnr").manifest_hash, "0" * 64
    blob = pack(corpus)
    place = f"/corpora/{corpus.hash}"
    error_of(service.ask("PUT", place, data=b"noise"), 422, "not a corpus")
    error_of(service.ask("PUT", f"/corpora/{other}", data=blob), 422, "damaged")
    error_of(service.ask("PUT", "/corpora/name", data=blob), 422)
    error_of(service.ask("PUT", place, data=blob[:-5]), 422)
    assert service.ask("PUT", place, data=blob).json() == {"corpus": corpus.hash, "utterances": len(corpus)}

    def compute(name: str, values: Any, **params: str) -> Any:
        asked = {"manifest": manifest, "corpus": corpus.hash} | params
        return service.ask("POST", f"/compute/{name}", params=asked, data=values)

    good = encode({"split": "test"})
    error_of(compute("predict_split", good, corpus=other), 404, "PUT")
    error_of(compute("predict_split", good, manifest=other), 409, "another run")
    error_of(compute("predict_split", good, manifest="x"), 422)
    error_of(compute("__import__", good), 404, "unknown computation")
    error_of(compute("predict_split", b"noise"), 422)
    error_of(compute("predict_split", encode({"path": "/etc"})), 422, "cannot take")
    error_of(compute("predict_split", encode([1])), 422)
    told = compute("predict_split", encode({"split": "no"})).content.split(b"\n", 1)
    assert json.loads(told[0])["kind"] == "error"
    error = json.loads(told[1])["error"]
    assert (error["kind"], error["status"]) == ("UsageError", 422) and "no split" in error["message"]
