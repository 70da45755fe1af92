"""The core formulas of dialogue_gcn, mm_dfn and sdt: by hand, and against their definitions written link by link."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dnr_core.errors import UsageError
from dnr_core.model.backbones.base import Backbone, BackboneOutput, BackboneSpec, self_distillation
from dnr_core.model.backbones.dialogue_gcn import RELATIONS, DialogueGCN, attention, relations, window
from dnr_core.model.backbones.mm_dfn import MMDFN
from dnr_core.model.backbones.mmgcn import LAYERS
from dnr_core.model.backbones.sdt import SDT, Gate, Reader, fused

pytestmark = pytest.mark.usefixtures("one_thread")
LN2, LN3 = math.log(2), math.log(3)


def everyone(*shape: int) -> Tensor:
    return torch.ones(shape, dtype=torch.bool)


def test_a_window_of_one_turn_links_the_neighbours_of_four_turns():
    linked = window(everyone(1, 4, 3), everyone(1, 4), 1, 1)
    assert linked[0].int().tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1]]
    back = window(everyone(1, 4, 3), everyone(1, 4), 2, 0)
    assert back[0].int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1]]


def test_nobody_is_linked_to_padding_nor_to_an_utterance_without_any_modality():
    """Turn 1 has nothing, turn 3 is padding: only they themselves keep a link to them."""
    present = everyone(1, 4, 3)
    present[0, 1] = False
    linked = window(present, torch.tensor([[True, True, True, False]]), 2, 2)
    assert linked[0].int().tolist() == [[1, 0, 1, 0], [1, 1, 1, 0], [1, 0, 1, 0], [0, 0, 1, 1]]


def test_relations_of_four_turns_of_two_speakers_by_hand():
    """Speakers A B A A. Row i, column j: what j is to i; 0 itself, 1 and 2 same past/future, 3 and 4 other."""
    kind = relations(torch.tensor([[0, 1, 0, 0]]))  # (B, T, R, T)
    assert kind.shape == (1, 4, len(RELATIONS), 4) and (kind.sum(2) == 1).all()
    assert kind.int().argmax(2)[0].tolist() == [[0, 4, 2, 2], [3, 0, 4, 4], [1, 3, 0, 2], [1, 3, 1, 0]]
    assert torch.equal(kind, relations(torch.tensor([[5, 2, 5, 5]]))), "the names of speakers matter"


def test_edge_attention_is_a_softmax_over_the_links_only():
    """Scores ln 3 and 0 over two links: 3/4 and 1/4; a third, much larger, is no link."""
    queries, keys = torch.tensor([[[1.0]]]), torch.tensor([[[LN3], [0.0], [50.0]]])
    assert attention(queries, keys, torch.tensor([[[True, True, False]]]))[0, 0].tolist() == pytest.approx(
        [0.75, 0.25, 0]
    )


def relate_link_by_link(model: DialogueGCN, nodes: Tensor, linked: Tensor, kind: Tensor) -> Tensor:
    """Equations 1 and 2 for one dialogue: nodes (T, h), linked (T, T), kind (T, R, T)."""
    weights = model.relational.weight.chunk(len(RELATIONS))
    rows = []
    for i, node in enumerate(nodes):
        neighbours = [j for j in range(len(nodes)) if linked[i, j]]
        alpha = torch.stack([node @ model.edge.weight.T @ nodes[j] for j in neighbours]).softmax(0)
        parts = [
            a * weights[int(kind[i, :, j].int().argmax())] @ nodes[j] for a, j in zip(alpha, neighbours, strict=True)
        ]
        rows.append(torch.relu(torch.stack(parts).sum(0)))
    return torch.stack(rows)


def test_the_relational_layer_is_the_one_written_link_by_link():
    torch.manual_seed(0)
    model = DialogueGCN(BackboneSpec(8, 4, 3)).eval()
    present = torch.rand(2, 6, 3) > 0.4
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    nodes, speaker = torch.randn(2, 6, 8), torch.randint(0, 3, (2, 6))
    linked, kind = window(present, mask, 2, 1), relations(speaker)
    found = model.relate(nodes, linked, kind)
    for position in range(2):
        expected = relate_link_by_link(model, nodes[position], linked[position], kind[position])
        torch.testing.assert_close(found[position], expected, atol=1e-5, rtol=0)
    assert found.abs().max() > 0.1


def test_speakers_may_change_their_names_but_not_their_places():
    torch.manual_seed(0)
    model = DialogueGCN(BackboneSpec(8, 4, 3)).eval()
    inputs, present, mask = torch.randn(1, 4, 3, 8), everyone(1, 4, 3), everyone(1, 4)
    said = model(inputs, present, torch.tensor([[0, 1, 0, 0]]), mask).logits
    assert torch.equal(model(inputs, present, torch.tensor([[7, 3, 7, 7]]), mask).logits, said)
    assert (model(inputs, present, torch.tensor([[0, 0, 1, 0]]), mask).logits - said).abs().max() > 1e-4


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_the_gates_of_mm_dfn_over_the_layers_by_hand():
    """One node, 2 in both dimensions, gates that do not mix these, graph layers that give 0: H'ᵏ = gᵏ."""
    model = MMDFN(BackboneSpec(2, 2, 1)).eval()
    with torch.no_grad():  # in the order of PyTorch: update, forget, candidate, output
        model.gates.weight_ih.copy_(torch.kron(torch.tensor([[0.5], [0.25], [1.0], [-0.5]]), torch.eye(2)))
        model.gates.weight_hh.copy_(torch.kron(torch.tensor([[1.0], [2.0], [0.5], [3.0]]), torch.eye(2)))
        model.gates.bias_ih.copy_(torch.tensor([0.1, 0.2, 0.3, 0.4]).repeat_interleave(2))
        model.gates.bias_hh.zero_()
        for layer in model.layers:
            layer.weight.fill_(-100.0)  # far below 0 before its ReLU
    hidden, dynamic, memory = 2.0, 0.0, 0.0
    for _ in range(LAYERS):
        update, forget = sigmoid(0.5 * hidden + dynamic + 0.1), sigmoid(0.25 * hidden + 2 * dynamic + 0.2)
        memory = forget * memory + update * math.tanh(hidden + 0.5 * dynamic + 0.3)
        hidden = dynamic = sigmoid(-0.5 * hidden + 3 * dynamic + 0.4) * math.tanh(memory)
    nodes = torch.full((1, 1, 1, 2), 2.0)
    found = model.convolve(nodes, *model.adjacency(nodes, everyone(1, 1, 1)))
    assert found.flatten().tolist() == pytest.approx([hidden] * 2, abs=1e-6) and 0.1 < hidden < 0.9


def test_a_layer_of_mm_dfn_adds_the_gated_features_to_the_graph_layer_of_mmgcn():
    torch.manual_seed(0)
    model = MMDFN(BackboneSpec(8, 4, 3)).eval()
    nodes, linked = torch.randn(2, 3, 5, 8), torch.rand(2, 3, 5) > 0.3
    graph = model.adjacency(nodes, linked)
    hidden, fused_so_far, memory = nodes, torch.zeros_like(nodes), torch.zeros_like(nodes)
    weight = torch.cat([model.gates.weight_ih, model.gates.weight_hh], dim=1)
    bias = model.gates.bias_ih + model.gates.bias_hh
    for number in range(1, LAYERS + 1):
        update, forget, candidate, output = (torch.cat([hidden, fused_so_far], -1) @ weight.T + bias).chunk(4, -1)
        memory = forget.sigmoid() * memory + update.sigmoid() * candidate.tanh()
        fused_so_far = output.sigmoid() * memory.tanh()
        hidden = model.layer(number, hidden, nodes, *graph) + fused_so_far
    torch.testing.assert_close(model.convolve(nodes, *graph), hidden, atol=1e-5, rtol=0)


def divergence(teacher: float, student: float) -> float:
    """KL between (p, 1 − p) and (q, 1 − q)."""
    return teacher * math.log(teacher / student) + (1 - teacher) * math.log((1 - teacher) / (1 - student))


def test_distillation_by_hand():
    """Teacher (3/4, 1/4), student (4/5, 1/5), label 0: CE ln 5/4, in which class 0 may weigh 2.

    At temperature 2 logits ln 3 and ln 4 become ln √3 and ln 2: teacher √3 / (1 + √3), student 2/3.
    """
    teacher, student = torch.tensor([[[LN3, 0.0]]]), torch.tensor([[[[2 * LN2, 0.0]]]])
    given = torch.tensor([[0]]), everyone(1, 1, 1)
    cost, apart = math.log(5 / 4), divergence(3 / 4, 4 / 5)
    assert float(self_distillation(teacher, student, *given, torch.ones(2))) == pytest.approx(cost + apart, abs=1e-6)
    weighted = self_distillation(teacher, student, *given, torch.tensor([2.0, 1.0]))
    assert float(weighted) == pytest.approx(2 * cost + apart, abs=1e-6)
    warm = self_distillation(teacher, student, *given, torch.ones(2), temperature=2.0)
    apart = divergence(math.sqrt(3) / (1 + math.sqrt(3)), 2 / 3)
    assert float(warm) == pytest.approx(cost + apart, abs=1e-6)


def test_distillation_counts_labelled_utterances_and_present_modalities_only():
    """Three turns, two modalities, students that say (1/2, 1/2) as the teacher does: ln 2 for each that counts.

    Turn 0 has both, turn 1 the first only, turn 2 no label: 3 ln 2 over two labelled utterances.
    """
    teacher, students = torch.zeros(1, 3, 2), torch.zeros(1, 3, 2, 2)
    present = torch.tensor([[[True, True], [True, False], [True, True]]])
    students[0, 1, 1], students[0, 2] = torch.tensor([9.0, -9.0]), torch.tensor([5.0, -5.0])
    loss = self_distillation(teacher, students, torch.tensor([[0, 1, -1]]), present, torch.ones(2))
    assert float(loss) == pytest.approx(1.5 * LN2, abs=1e-6)
    nobody = self_distillation(teacher, students, torch.full((1, 3), -1), present, torch.ones(2))
    assert float(nobody) == 0.0


def test_students_learn_from_the_teacher_and_not_the_other_way_round():
    teacher, students = torch.randn(1, 2, 3, requires_grad=True), torch.randn(1, 2, 2, 3, requires_grad=True)
    given = torch.tensor([[0, 2]]), everyone(1, 2, 2), torch.ones(3)
    BackboneOutput(teacher, teacher, students).distillation(*given)["distillation"].backward()
    assert teacher.grad is None and students.grad is not None and (students.grad != 0).all()
    assert BackboneOutput(teacher, teacher).distillation(*given) == {}


def test_the_fusion_of_sdt_weighs_each_dimension_and_leaves_absent_modalities_out():
    """Scores ln 3 and 0 of two modalities: 3/4 and 1/4 of (4, 8); the other way round in the second dimension."""
    scores = torch.tensor([[[[LN3, 0.0], [0.0, LN3], [9.0, 9.0]]]])
    kinds = torch.tensor([[[[4.0, 4.0], [8.0, 8.0], [100.0, 100.0]]]])
    assert fused(scores, kinds, torch.tensor([[[True, True, False]]]))[0, 0].tolist() == pytest.approx([5.0, 7.0])
    assert fused(scores, kinds, torch.tensor([[[False, True, False]]]))[0, 0].tolist() == pytest.approx([8.0, 8.0])
    alone = fused(torch.zeros_like(scores), kinds, torch.zeros(1, 1, 3, dtype=torch.bool))
    assert alone[0, 0].tolist() == pytest.approx([112 / 3] * 2)


def test_the_unimodal_gate_scales_by_a_sigmoid():
    gate = Gate(1)
    with torch.no_grad():
        gate.weigh.weight.fill_(LN3)
    assert float(gate(torch.ones(1)).detach()) == pytest.approx(0.75, abs=1e-6)


def test_a_reader_of_nothing_keeps_its_own_vector_and_reads_no_hidden_turn():
    torch.manual_seed(0)
    reader = Reader(8, 0.3).eval()
    target, source = torch.randn(2, 4, 8), torch.randn(2, 4, 8)
    readable = torch.tensor([[True, False, True, False], [False] * 4])
    found = reader(target, source, readable)
    moved = torch.where(readable[..., None], source, torch.randn(2, 4, 8))
    assert torch.equal(reader(target, moved, readable), found)
    without = target + reader.join(torch.zeros(2, 4, 8))
    without = without + reader.think(reader.after(without))
    torch.testing.assert_close(found[1], without[1], atol=1e-6, rtol=0)
    assert (found[0] - without[0]).abs().max() > 1e-2


def test_a_reader_is_the_attention_layer_of_pytorch():
    torch.manual_seed(0)
    reader = Reader(8, 0.0).eval()
    target, source, readable = (
        torch.randn(1, 5, 8),
        torch.randn(1, 5, 8),
        torch.tensor([[True, True, False, True, True]]),
    )
    own, other = reader.before(target), reader.before(source)
    read, _ = functional.multi_head_attention_forward(
        own.transpose(0, 1), other.transpose(0, 1), other.transpose(0, 1), 8, 4,
        torch.cat([reader.query.weight, reader.key.weight, reader.value.weight]),
        torch.cat([reader.query.bias, torch.zeros(8), reader.value.bias]),
        None, None, False, 0.0, reader.join.weight, reader.join.bias, key_padding_mask=~readable,
    )  # fmt: skip
    out = target + read.transpose(0, 1)
    torch.testing.assert_close(
        reader(target, source, readable), out + reader.think(reader.after(out)), atol=1e-5, rtol=0
    )


def test_sdt_refuses_a_width_that_its_heads_do_not_divide():
    with pytest.raises(UsageError, match="sdt cannot use this width: got 10; expected a multiple of 4"):
        SDT(BackboneSpec(10, 4, 3))


@pytest.mark.parametrize("kind", [DialogueGCN, MMDFN, SDT])
@pytest.mark.parametrize("modalities", [1, 3])
@pytest.mark.parametrize("turns", [1, 120])
def test_dialogues_of_one_turn_and_of_many_are_finite_with_whatever_is_present(kind, modalities, turns):
    torch.manual_seed(0)
    model: Backbone = kind(BackboneSpec(16, 4, modalities))
    present = torch.rand(2, turns, modalities) > 0.5
    present[1] = False
    inputs = (torch.randn(2, turns, modalities, 16) * present[..., None]).requires_grad_(True)
    out = model(inputs, present, torch.randint(0, 4, (2, turns)), everyone(2, turns))
    out.logits.square().sum().backward()
    assert out.logits.isfinite().all() and out.hidden.shape == (2, turns, model.hidden_width)
    assert inputs.grad is not None and inputs.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)
