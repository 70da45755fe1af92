"""A report printed to PDF by an installed Chromium, which is kept from the network."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from dnr_core.errors import DnRError

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LONGEST_S = 300
WAIT_MS = 60_000
"""Time that the page may take to draw; it is over as soon as nothing is left to be done."""
FLAGS = (
    "--headless", "--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--no-default-browser-check", "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--no-pdf-header-footer", "--generate-pdf-document-outline",
    f"--virtual-time-budget={WAIT_MS}",
)  # fmt: skip


def browser() -> str:
    """The path of an installed Chromium. Raises DnRError where there is none."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise DnRError(
        "a report is printed to PDF by Chromium", got="none on this machine", expected=f"one of {', '.join(BROWSERS)}",
        do="install it, or write the report as HTML and print it from any browser",
    )  # fmt: skip


def printed(html: str, out: Path, chromium: str) -> None:
    """Print a page to the file `out`: all that can be opened is open, every figure is drawn. Raises DnRError."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        page, made = folder / "report.html", folder / "report.pdf"
        page.write_text(html, encoding="utf-8")
        command = [chromium, *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={made}"]
        try:
            done = subprocess.run(
                [*command, f"{page.as_uri()}#print"], capture_output=True, timeout=LONGEST_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DnRError(f"{chromium} cannot print the report", got=error, do="write it as HTML") from error
        if not made.is_file() or not made.stat().st_size:
            said = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            raise DnRError(f"{chromium} did not print the report", got=said[0], do="write it as HTML")
        shutil.copyfile(made, out)
