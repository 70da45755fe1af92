"""Train, serve and explain models of multimodal emotion recognition in conversation."""

__version__ = "0.1.0"
