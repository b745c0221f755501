"""The command as a process: it answers, bears slow callers, and ends only when what it began is done."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from emovox import cli
from emovox.server import listen
from hostile.case import recording
from server.running import running
from waveforms import babble

WAV = recording("WAV", 2.0)
AS_WAV = {"Content-Type": "audio/wav"}


def begun(port: int, length: int) -> http.client.HTTPConnection:
    """A request whose body is yet to come."""
    caller = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    caller.putrequest("POST", "/v1/predict")
    for name, value in {**AS_WAV, "Content-Length": str(length)}.items():
        caller.putheader(name, value)
    caller.endheaders()
    return caller


def test_a_server_that_is_stopped_finishes_what_it_began_and_takes_no_more(artifact: Path) -> None:
    with running(artifact) as server:
        caller = begun(server.port, len(WAV))
        caller.send(WAV[:1000])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))
        caller.send(WAV[1000:])
        assert caller.getresponse().status == 200
        assert server.process.wait(10) in (0, -signal.SIGTERM)
        assert server.process.stdout and "Traceback" not in server.process.stdout.read()


def test_a_session_that_is_stopped_ends_with_what_it_heard_and_its_totals(artifact: Path) -> None:
    with running(artifact) as server, connect(f"ws://127.0.0.1:{server.port}/v1/stream", proxy=None) as socket:
        for _ in range(20):
            socket.send((np.clip(babble(0.1), -1, 1) * 32767).astype("<i2").tobytes())
        server.process.send_signal(signal.SIGTERM)
        said = []
        with pytest.raises(ConnectionClosed) as closing:
            while True:
                said.append(json.loads(socket.recv(10)))
        error, end, closed = said[-3:]
        assert (error["code"], error["retryable"], end["type"]) == ("stopped", True, "utterance.end")
        assert (closed["type"], closed["reason"], closed["frames"]) == ("session.closed", "stopped", 20)
        assert closing.value.rcvd and closing.value.rcvd.code == 1012
        server.process.wait(10)


def test_a_body_that_comes_too_slowly_and_one_that_ends_early_free_their_places(artifact: Path) -> None:
    with running(artifact, "--timeout", "0.5", "--threads", "1", "--waiting", "0") as server:
        begun(server.port, 10**6).close()
        slow = begun(server.port, 10**6)
        answer = slow.getresponse()
        assert answer.status == 408 and b"too slowly" in answer.read()
        assert httpx.post(f"{server.url}/v1/predict", content=WAV, headers=AS_WAV).status_code == 200


def test_several_workers_answer_and_add_up_their_counters(artifact: Path) -> None:
    with running(artifact, "--workers", "2") as server:
        deadline = time.monotonic() + 30
        for _ in range(20):
            assert httpx.post(f"{server.url}/v1/predict", content=WAV, headers=AS_WAV, timeout=30).status_code == 200
        counted = httpx.get(f"{server.url}/metrics").text
        assert 'emovox_request_seconds_count{path="/v1/predict",status="200"} 20.0' in counted
        assert time.monotonic() < deadline


def test_small_packets_are_sent_at_once() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # else asyncio leaves Nagle's algorithm on


def test_an_address_that_is_taken_is_told_in_one_line(artifact: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(cli.app, ["serve", "--model", str(artifact), "--port", str(port)])
    assert done.exit_code == 2 and "choose another --host or --port" in done.output.replace("\n", " ")


def test_without_a_model_the_command_says_how_to_give_one() -> None:
    done = CliRunner().invoke(cli.app, ["serve"])
    assert done.exit_code == 2 and "--run runs/NAME" in done.output
