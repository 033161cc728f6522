"""Answering a questionnaire loads none of the heavy libraries; a fresh process proves it."""

import subprocess
import sys
from pathlib import Path

from flask import Flask

ROOT = Path(__file__).parents[2]
HEAVY = (
    "numpy",
    "pandas",
    "scipy",
    "matplotlib",
    "pingouin",
    "factor_analyzer",
    "sklearn",
    "statsmodels",
    "pyarrow",
    "typst",
)

SERVE = """
import sys
from pathlib import Path
from webapp import create_app
from webapp.database import dispose_engine

url, folder, link, ask = sys.argv[1:]
app = create_app({
    "DATABASE_URL": url, "SECRET_KEY": "a secret key for tests only", "LINK_KEY": bytes(range(32)),
    "INSTRUMENT_FOLDERS": (Path(folder),),
    "CLOCK": lambda: __import__("datetime").datetime(2026, 3, 2, 9, 30, tzinfo=__import__("datetime").timezone.utc),
})
client = app.test_client()
assert client.get("/").status_code == 200
assert client.get(link).status_code == 200
page = client.get(link + "/1")
assert page.status_code == 200 and "<fieldset" in page.text
assert client.post(link + "/1", data={"A1": "c:1"}).status_code == 303
assert client.post(link + "/review").status_code == 303
if ask == "control":
    import numpy
dispose_engine(app)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def loaded_by(app: Flask, link: str, ask: str) -> set[str]:
    """The top-level modules in a fresh process after it served a questionnaire."""
    folder = ROOT / "tests" / "instruments"
    arguments = [sys.executable, "-c", SERVE, app.config["DATABASE_URL"], str(folder), link, ask]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_serving_a_questionnaire_loads_no_heavy_library(app: Flask, mentee: str) -> None:
    assert loaded_by(app, mentee, "") & set(HEAVY) == set()


def test_the_proof_would_notice_one(app: Flask, mentee: str) -> None:
    assert loaded_by(app, mentee, "control") & set(HEAVY) == {"numpy"}
