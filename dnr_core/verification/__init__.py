"""Are the explanations right? Methods trained on planted corpora, and what their explanations name."""

from dnr_core.verification.run import VIEWS, checked_config, run_suite, verify
from dnr_core.verification.suites import SUITES, Case, Control, Suite

__all__ = ["SUITES", "VIEWS", "Case", "Control", "Suite", "checked_config", "run_suite", "verify"]
