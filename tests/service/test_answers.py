"""What the service says is what the engine says: over a real port, to 1e-5."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load, save
from service_process import Service, dialogue_json

from dnr_core.data.corpus import Corpus
from dnr_core.explain.nulls import claims
from dnr_core.serve import Engine
from dnr_core.types import MODALITIES, softmax

SAFETENSORS = "application/vnd.safetensors"


@pytest.fixture(scope="module")
def dialogues(corpus: Corpus) -> list[dict]:
    """The test split, as JSON."""
    return [dialogue_json(corpus, name) for name in corpus.dialogue_ids("test")]


def logits_of(answer: dict) -> np.ndarray:
    return np.array([turn["logits"] for dialogue in answer["dialogues"] for turn in dialogue["utterances"]])


def test_predictions_are_those_of_the_engine_alone_and_together(
    service: Service, engine: Engine, corpus: Corpus, dialogues: list[dict]
) -> None:
    wanted = engine.predictions("dnr", "small", "test")
    together = service.client.predict(dialogues)
    np.testing.assert_allclose(logits_of(together), wanted.logits, atol=1e-5)
    alone = [logits_of(service.client.predict([one])) for one in dialogues]
    np.testing.assert_allclose(np.concatenate(alone), wanted.logits, atol=1e-5)
    first = together["dialogues"][0]
    assert first["dialogue_id"] == corpus.dialogue_ids("test")[0] and together["emotions"] == list(corpus.emotions)
    turn, chances = first["utterances"][0], softmax(wanted.logits)[0]
    np.testing.assert_allclose(turn["probabilities"], chances, atol=1e-5)
    assert turn["predicted"] == corpus.emotions[chances.argmax()]
    assert turn["probability"] == pytest.approx(chances.max(), abs=1e-5)


def test_dialogues_of_many_lengths_at_once_get_what_they_get_alone(service: Service, dialogues: list[dict]) -> None:
    long = [turn for dialogue in dialogues for turn in dialogue["utterances"]]
    cut = [{"dialogue_id": "same", "utterances": long[:size]} for size in (1, 2, 3, 5, 8, 13, 21, 1, 2)]
    together = service.client.predict(cut)
    assert [one["dialogue_id"] for one in together["dialogues"]] == ["same"] * 9
    for one, found in zip(cut, together["dialogues"], strict=True):
        np.testing.assert_allclose(
            logits_of({"dialogues": [found]}), logits_of(service.client.predict([one])), atol=1e-5
        )


def test_arrays_give_what_json_gives(service: Service, engine: Engine, corpus: Corpus) -> None:
    rows = corpus.rows("test")
    wanted = engine.predictions("dnr", "small", "test").logits
    names = list(dict.fromkeys(corpus.utterances["speaker"]))
    found = service.client.predict_arrays(
        {name: np.nan_to_num(corpus.features[name][rows]) for name in MODALITIES},
        [len(corpus.dialogue_rows[name]) for name in corpus.dialogue_ids("test")],
        present=corpus.present[rows],
        speaker=[names.index(name) for name in corpus.utterances["speaker"].to_numpy()[rows]],
    )
    whole = ~corpus.imputed["text"][rows].any(1)
    clean = np.array([whole[place == corpus.dialogue_places[rows]].all() for place in corpus.dialogue_places[rows]])
    assert clean.any() and found.shape == wanted.shape and found.dtype == np.float32
    np.testing.assert_allclose(found[clean], wanted[clean], atol=1e-5)


def test_a_safetensors_answer_says_what_it_is_about(service: Service, dialogues: list[dict]) -> None:
    answer = service.post("/predict", {"dialogues": dialogues}, headers={"Accept": SAFETENSORS})
    assert answer.headers["content-type"] == SAFETENSORS
    np.testing.assert_allclose(load(answer.content)["logits"], logits_of(service.client.predict(dialogues)), atol=1e-6)
    length = int.from_bytes(answer.content[:8], "little")
    about = json.loads(json.loads(answer.content[8 : 8 + length])["__metadata__"]["about"])
    assert about["emotions"] == service.client.model()["emotions"]


@pytest.mark.parametrize("scope", ["dialogue", "utterance"])
def test_values_of_parts_are_those_of_the_engine(
    service: Service, engine: Engine, corpus: Corpus, dialogues: list[dict], scope: str
) -> None:
    name = corpus.dialogue_ids("test")[1]
    wanted = engine.dialogue_values("dnr", "small", name, scope)
    found = service.client.explain([dialogue_json(corpus, name)], scope=scope)
    turns, predicted = found["dialogues"][0]["utterances"], wanted.total.argmax(1)
    every = np.arange(len(turns))
    values = [[turn["values"][player] for player in wanted.players] for turn in turns]
    np.testing.assert_allclose(values, wanted.values[every, :, predicted], atol=1e-5)
    for turn in turns:
        assert turn["total"] - turn["baseline"] == pytest.approx(sum(turn["values"].values()), abs=1e-4)
        assert turn["completeness_gap"] < 1e-4
        assert turn["dominant_component"] == max(turn["values"], key=turn["values"].__getitem__)
    if scope == "utterance":
        assert found["not_tested"] and all(turn["p"] is turn["significant"] is None for turn in turns)
        return
    tested = claims(engine.stored_null("dnr", "small"), wanted)
    assert found["not_tested"] is None
    np.testing.assert_allclose([turn["p"] for turn in turns], tested.p, atol=1e-9)
    assert [turn["significant"] for turn in turns] == tested.significant.tolist()


def test_atoms_are_those_of_the_engine_and_say_that_they_are_not_tested(
    service: Service, engine: Engine, dialogues: list[dict]
) -> None:
    wanted = engine.information("dnr", "small", "test")
    found = service.client.explain(dialogues)
    turns = [turn["information"] for dialogue in found["dialogues"] for turn in dialogue["utterances"]]
    atoms = [[turn["atoms"][name] for name in wanted.atoms] for turn in turns]
    np.testing.assert_allclose(atoms, wanted.values, atol=1e-5)
    assert all(turn["significant"] is None for turn in turns) and found["information_missing"] is None


def test_coalitions_are_those_of_the_engine(service: Service, engine: Engine, corpus: Corpus) -> None:
    name = corpus.dialogue_ids("test")[0]
    given = dialogue_json(corpus, name)
    arrays = service.client.coalitions([given])
    assert arrays.shape == (len(given["utterances"]), 512, len(corpus.emotions))
    off = frozenset({"unique:text", "redundant:audio+text"})
    index = 511 - sum(1 << place for place, player in enumerate(engine.run("dnr").players) if player in off)
    np.testing.assert_allclose(
        arrays[:, index], engine.switched("dnr", "small", name, off), atol=5e-3
    )  # float16 stored
    told = service.post("/coalitions", {"dialogues": [given]}).json()
    written = np.array([turn["logits"] for turn in told["dialogues"][0]["utterances"]])
    np.testing.assert_allclose(written, arrays, atol=1e-6)
    assert told["parts"] == list(engine.run("dnr").players)


@pytest.mark.parametrize(
    "options",
    [
        {}, {"over": "turns"}, {"over": "modalities", "scale": "probability"}, {"method": "feature_ablation"},
        {"method": "layer_integrated_gradients"}, {"method": "shapley_value_sampling", "over": "components"},
        {"baseline": "zero"},
    ],
    ids=lambda options: "-".join(options.values()) or "default",
)  # fmt: skip
def test_attributions_are_those_of_the_engine(
    service: Service, engine: Engine, corpus: Corpus, options: dict[str, str]
) -> None:
    name = corpus.dialogue_ids("test")[2]
    utterance = corpus.dialogue(name).utterances[3].utterance_id
    wanted = engine.attribution("dnr", "small", utterance, **options)
    found = service.client.attribute(dialogue_json(corpus, name), 3, **options)
    np.testing.assert_allclose([item["value"] for item in found["items"]], wanted.values, atol=1e-5)
    assert (found["method"], found["over"], found["target"]) == (wanted.method, wanted.over, wanted.target)
    assert found["baseline_total"] == pytest.approx(wanted.baseline_total, abs=1e-5)
    assert (found["dialogue_id"], found["turn"]) == (name, 3)


def test_a_run_of_another_method_explains_with_its_own_parts(
    plain_service: Service, engine: Engine, corpus: Corpus
) -> None:
    name = corpus.dialogue_ids("test")[0]
    wanted = engine.dialogue_values("plain", "small", name)
    found = plain_service.client.explain([dialogue_json(corpus, name)])["dialogues"][0]["utterances"]
    predicted = wanted.total.argmax(1)
    values = [[turn["values"][player] for player in wanted.players] for turn in found]
    np.testing.assert_allclose(values, wanted.values[np.arange(len(found)), :, predicted], atol=1e-5)


def test_the_model_and_its_health_are_told(service: Service, engine: Engine) -> None:
    model, run = service.client.model(), engine.run("dnr")
    assert model["emotions"] == list(run.emotions) and model["parts"] == list(run.players)
    assert model["widths"] == {"text": 6, "audio": 5, "visual": 4} and model["information"] is True
    assert model["tested"] == ["dialogue, mean"] and model["limits"]["turns"] == 1000
    health = service.client.health()
    assert health == {
        "status": "ok", "run": "dnr", "manifest": engine.header("dnr").manifest_hash, "changed_on_disk": False,
    }  # fmt: skip


def test_requests_are_counted(service: Service, dialogues: list[dict]) -> None:
    def count(text: str, name: str) -> float:
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    turns = sum(len(one["utterances"]) for one in dialogues)
    before = service.ask("GET", "/metrics").text
    service.client.predict(dialogues)
    service.ask("GET", "/nothing")
    after = service.ask("GET", "/metrics").text
    for name, more in (
        ('dnr_requests_total{route="/predict",status="200"}', 1),
        ('dnr_requests_total{route="other",status="404"}', 1),
        ("dnr_predicted_turns_total", turns),
    ):
        assert count(after, name) == count(before, name) + more, name
    assert count(after, "dnr_queued_turns") == count(after, "dnr_body_bytes") == 0


def test_the_description_has_an_example_of_every_body_that_works(service: Service) -> None:
    described = service.ask("GET", "/openapi.json").json()
    assert described["openapi"].startswith("3.")
    for path in ("/predict", "/explain", "/coalitions", "/attribute"):
        example = described["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
        assert service.post(path, example).status_code == 200, path
        assert set(described["paths"][path]["post"]["responses"]) >= {"200", "413", "415", "422", "429"}


def test_what_was_not_measured_may_be_left_out_or_null(service: Service) -> None:
    turns = [{"speaker": "A", "text": [0.5] * 6}, {"text": [1.0] + [None] * 5, "audio": None}, {}]
    found = service.client.predict([{"utterances": turns}])
    assert np.isfinite(logits_of(found)).all() and found["dialogues"][0]["dialogue_id"] == ""
    none = [{"text": [None] * 6, "audio": [None] * 5, "visual": [None] * 4}]
    nothing = service.client.predict([{"utterances": [{}]}, {"utterances": none}])
    np.testing.assert_array_equal(*(logits_of({"dialogues": [one]}) for one in nothing["dialogues"]))


def test_half_precision_arrays_are_taken(service: Service) -> None:
    arrays = {"text": np.full((2, 6), 0.5, np.float16), "lengths": np.array([2])}
    answer = service.ask("POST", "/predict", data=save(arrays), headers={"Content-Type": SAFETENSORS})
    json_turns = [{"speaker": "0", "text": [0.5] * 6}] * 2
    wanted = logits_of(service.client.predict([{"utterances": json_turns}]))
    np.testing.assert_allclose(logits_of(answer.json()), wanted, atol=1e-6)
