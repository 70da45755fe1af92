"""What Streamlit looks through after every run of a page stays small."""

from __future__ import annotations

import gc


def test_modules_are_not_looked_through_for_garbage_after_every_run(open_page):
    page = open_page("dialogue")
    assert gc.get_freeze_count() > 100_000
    looked_through = len(gc.get_objects())
    page.run()
    assert looked_through < gc.get_freeze_count()
