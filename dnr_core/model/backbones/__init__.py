"""Backbones: from modality vectors of a dialogue to class logits. One file each."""
