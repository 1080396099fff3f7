"""HTML -> PDF: by WeasyPrint, or by headless Chromium where the system has no pango."""

import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from acn_bench.run_folder import atomic

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS = 120


def write(html: str, path: Path, progress: Callable[[str], None] = lambda _: None) -> str | None:
    """Write the page as `path`; None when done, else the sentence that says why it was not.

    `progress` is called with each page that is laid out.
    """
    try:
        import weasyprint
    except OSError:  # it is installed, pango is not
        progress("pdf: printed by Chromium")
        return _by_chromium(html, path)
    with atomic(path) as part, _steps(progress):
        weasyprint.HTML(string=html).write_pdf(part)
    return None


@contextmanager
def _steps(progress: Callable[[str], None]) -> Iterator[None]:
    """Pass on what WeasyPrint logs of its steps: of "Step 5 - Creating layout - Page 12" the last part."""
    log, handler = logging.getLogger("weasyprint.progress"), logging.Handler()
    level, passed_on = log.level, log.propagate
    handler.emit = lambda record: progress(_last_part(record.getMessage()))  # type: ignore[method-assign]
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = passed_on


def _last_part(step: str) -> str:
    return f"pdf: {step.rpartition(' - ')[2].lower()}"


def _by_chromium(html: str, path: Path) -> str | None:
    browser = next((b for name in _CHROMIUM if (b := shutil.which(name))), None)
    if browser is None:
        return (
            f"{path.name} was not made: WeasyPrint needs the system library pango, and there is no Chromium "
            "either. Install one of them (Debian: libpango-1.0-0 libpangoft2-1.0-0, or chromium), or print "
            "the HTML page from a browser."
        )
    with tempfile.TemporaryDirectory() as folder:
        page, made = Path(folder) / "page.html", Path(folder) / "page.pdf"
        page.write_text(html, encoding="utf-8")
        try:
            subprocess.run(
                _command(browser, page, made), check=True, capture_output=True, timeout=_SECONDS
            )
            pdf = _without_clock(made.read_bytes())
        except (subprocess.SubprocessError, OSError) as e:
            return f"{path.name} was not made: {browser} failed to print the page ({type(e).__name__})."
    with atomic(path) as part:
        part.write_bytes(pdf)
    return None


def _command(browser: str, page: Path, made: Path) -> list[str]:
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return [
        browser,
        "--headless",
        *as_root,
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
        "--no-pdf-header-footer",
        f"--user-data-dir={page.parent / 'profile'}",
        f"--print-to-pdf={made}",
        page.as_uri(),
    ]


def _without_clock(pdf: bytes) -> bytes:
    """Chromium's dates of creation and change, each as one fixed day: the same page, the same bytes."""
    return re.sub(rb"(/(?:CreationDate|ModDate) \(D:)\d{14}", rb"\g<1>20000101000000", pdf)
