"""The receivers of docs/webhooks.md, run against a message that was really sent."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from refundlens.serving.webhooks import queue
from refundlens.serving.webhooks.sending import secret_text

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def with_secret(text: str, secret: str) -> str:
    return re.sub(r"whsec_[A-Za-z0-9+/=]{40,}", secret, text)


@pytest.fixture
def sent(bench: Any, receiver: Any) -> tuple[Any, str]:
    """A message and the secret of its endpoint."""
    endpoint = bench.endpoint(receiver.url)
    bench.publish(text="破洞")
    bench.deliver()
    return receiver.got[0], secret_text(bench.secret, endpoint, 1)


def test_the_python_receiver_takes_it_once_and_refuses_others(
    sent: tuple[Any, str], verify: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    got, secret = sent
    names: dict[str, Any] = {}
    exec(with_secret(block("python"), secret), names)
    assert [names["receive"](got.headers, got.body) for _ in range(2)] == [204, 204]
    assert capsys.readouterr().out.count("report.established") == 1
    assert names["receive"](got.headers, got.body + b" ") == 401
    assert names["receive"]({**got.headers, "webhook-signature": "broken"}, got.body) == 401
    assert names["receive"]({}, got.body) == 401


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_the_javascript_receiver_takes_it_once_and_refuses_others(sent: tuple[Any, str], bench: Any) -> None:
    got, secret = sent
    now = int(bench.clock().timestamp() * 1000)
    body, headers = json.dumps(got.body.decode()), json.dumps(got.headers)
    script = f"""{with_secret(block("js"), secret)}
    Date.now = () => {now};
    const headers = {headers}, body = {body};
    console.log(receive(headers, body), receive(headers, body), receive(headers, body + " "), receive({{}}, body));
    console.log(receive({{...headers, "webhook-signature": "broken"}}, body));
    Date.now = () => {now} + 301000;
    console.log(receive(headers, body));
    """
    done = subprocess.run(["node", "-"], input=script, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.count("report.established") == 1
    assert done.stdout.splitlines()[1:] == ["204 204 401 401", "401", "401"]


def test_the_schedule_is_the_one_we_keep() -> None:
    (row,) = re.findall(r"^\| wait before it \| (.*) \|$", PAGE, re.MULTILINE)
    seconds = {"s": 1, "min": 60, "h": 3600}
    told = [int(number) * seconds[unit] for number, unit in (cell.split() for cell in row.split(" | "))]
    assert told == [int(pause.total_seconds()) for pause in queue.WAITS]
