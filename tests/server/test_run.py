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
from emovox.listening import recognizer
from emovox.server import Settings, listen
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
        while 'emovox_open{what="requests"} 1.0' not in httpx.get(f"{server.url}/metrics").text:
            time.sleep(0.05)
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionRefusedError):
            while True:
                socket.create_connection(("127.0.0.1", server.port)).close()
                time.sleep(0.05)
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
        damaged = recording("MP3")[:300] + bytes(range(256)) * 40
        for _ in range(20):
            assert httpx.post(f"{server.url}/v1/predict", content=WAV, headers=AS_WAV, timeout=30).status_code == 200
            httpx.post(f"{server.url}/v1/predict", content=damaged, headers=AS_WAV, timeout=30)
        counted = httpx.get(f"{server.url}/metrics").text
        assert 'emovox_request_seconds_count{path="/v1/predict",status="200"} 20.0' in counted
        server.process.terminate()
        server.process.wait(20)
        assert server.process.stdout and server.process.stdout.read() == ""  # a decoder speaks of what is damaged


def test_small_packets_are_sent_at_once() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # else asyncio leaves Nagle's algorithm on


def test_an_address_that_is_taken_is_told_in_one_line(artifact: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(cli.app, ["serve", "--model", str(artifact), "--port", str(port)])
    assert done.exit_code == 2 and "choose another --host or --port" in done.output.replace("\n", " ")


def test_the_command_serves_what_its_options_name(artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Settings] = []
    monkeypatch.setattr("emovox.server.serve", lambda settings, listener, workers: served.append(settings))
    monkeypatch.setattr(recognizer, "BOX", artifact)
    monkeypatch.setenv("EMOVOX_API_KEY", "sesame-0123456789")
    for options in ([], ["--model", str(artifact), "--origin", "https://a.example", "--body-mb", "1"]):
        done = CliRunner().invoke(cli.app, ["serve", "--port", "0", *options])
        assert done.exit_code == 0, done.output
    assert [settings.artifacts for settings in served] == [(artifact,), (artifact,)]
    assert served[1].origins == ("https://a.example",) and served[1].body_bytes == 1_000_000
    assert served[0].api_key == "sesame-0123456789" and "sesame" not in done.output


def test_other_machines_are_let_in_with_a_warning_where_there_is_no_key(
    artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emovox.server.serve", lambda *given: None)
    for host, warns in (("127.0.0.1", False), ("0.0.0.0", True)):
        done = CliRunner().invoke(cli.app, ["serve", "--port", "0", "--host", host, "--model", str(artifact)])
        assert ("EMOVOX_API_KEY" in done.output) == warns and done.exit_code == 0
