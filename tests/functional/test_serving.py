"""The production server serves, and heals a worker that was killed."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from surveys.database import upgrade

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    database = f"sqlite:///{tmp_path / 'served.db'}"
    upgrade(database)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # No keys in the environment: the first start makes a private key file beside the data.
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("VICEVERSA_")},
        "VICEVERSA_DATABASE_URL": database,
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "webapp.cli", "serve", "--port", str(port), "--workers", "2"],
        cwd=tmp_path,
        env=environment,
    )
    try:
        yield f"http://127.0.0.1:{port}/", process
    finally:
        process.terminate()
        process.wait(timeout=30)


def fetch(url: str, seconds: float = 30) -> int:
    """The status of a page, waiting for the server to come up."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def workers_of(process: "subprocess.Popen[bytes]") -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the workers are found through /proc")
def test_a_killed_worker_is_replaced_and_pages_go_on(
    server: tuple[str, "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    url, process = server
    assert fetch(url) == 200
    before = workers_of(process)
    assert len(before) == 2

    os.kill(before[0], signal.SIGKILL)

    for _ in range(200):
        after = workers_of(process)
        if before[0] not in after and len(after) == 2:
            break
        time.sleep(0.1)
    assert before[0] not in after
    assert len(after) == 2
    assert [fetch(url) for _ in range(10)] == [200] * 10
    assert oct((tmp_path / "var" / "keys.json").stat().st_mode)[-3:] == "600"


def test_a_request_larger_than_the_limit_is_refused_in_a_sentence(
    server: tuple[str, "subprocess.Popen[bytes]"],
) -> None:
    url, _ = server
    fetch(url)
    request = urllib.request.Request(
        f"{url}account/sign-in",
        data=b"email=" + b"x" * 10_000_000,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)

    assert refused.value.code == 413
    assert "Traceback" not in refused.value.read().decode()
    refused.value.close()
