"""The README's script runs as it stands."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = "tests/scoring/reference/sim_dyads_a.csv"


def scripts() -> list[str]:
    """Every Python block of the README."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_notebook_script_loads_scores_reports_and_plots_without_a_database(tmp_path: Path) -> None:
    (tmp_path / DATA).parent.mkdir(parents=True)
    shutil.copy(ROOT / DATA, tmp_path / DATA)
    (script,) = scripts()

    result = subprocess.run(
        [
            sys.executable,
            "-c",
            script + "\nimport sys; assert not {'flask', 'sqlalchemy'} & set(sys.modules)",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert "Psychometric report" in result.stdout
    assert "alpha" in result.stdout
    pictures = {path.stem for path in tmp_path.glob("*.svg")}
    assert {"scree", "options_safety", "loadings_confirmatory"} <= pictures
    assert not list(tmp_path.glob("*.db"))
