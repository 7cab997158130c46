#!/usr/bin/env python3
"""Drives `switchyard runner` from Python: three threads at once, each known to its MCP server by headers of its own.

    python3 examples/runner.py                     with a scripted model, no key and no internet needed
    OPENAI_API_KEY=... python3 examples/runner.py  with a real one

Needs Python 3.9 and, in this repository, `npm ci`; nothing else. SWITCHYARD is the command to run instead, e.g.
"npx mcp-switchyard". Exits with 0 if every claim it prints was checked and is true.
"""

import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = pathlib.Path(__file__).resolve().parent.parent
NODE = str(ROOT / "node_modules" / ".bin" / "node")
TIMEOUT_SECONDS = 120
PEOPLE = ["anna", "ben", "carla"]


class IdentityServer(ThreadingHTTPServer):
    """An MCP server with one tool, `whoami`. It writes down the headers of every request."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), IdentityHandler)
        self.seen = []  # (path, JSON-RPC method, headers)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class IdentityHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method = message.get("method")
        self.server.seen.append((self.path, method, dict(self.headers.items())))
        if "id" not in message:
            return self.answer(202, b"")
        results = {
            "initialize": lambda: {
                "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "identity", "version": "1"},
            },
            "tools/list": lambda: {
                "tools": [
                    {
                        "name": "whoami",
                        "description": "Tells who is calling",
                        "inputSchema": {"type": "object", "properties": {}},
                    }
                ]
            },
            "tools/call": lambda: {"content": [{"type": "text", "text": self.headers["X-Title"]}]},
        }
        reply = {"jsonrpc": "2.0", "id": message["id"]}
        if method in results:
            reply["result"] = results[method]()
        else:
            reply["error"] = {"code": -32601, "message": f"no method {method}"}
        self.answer(200, json.dumps(reply).encode(), "application/json")

    def do_GET(self):  # no stream of the server's own
        self.answer(405, b"")

    def do_DELETE(self):
        self.answer(405, b"")

    def answer(self, status, body, kind="text/plain"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def start(command, **options):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    return subprocess.Popen(command, **pipes, **options)


def run_all(server, command, environment, prompt):
    """Sends one run for each person and reads until each has ended. Returns events and ends by id."""
    runner = start(command, env=environment)
    watchdog = threading.Timer(TIMEOUT_SECONDS, runner.kill)
    watchdog.start()
    try:
        for person in PEOPLE:
            params = {
                "input": prompt,
                "ephemeral": True,
                "mcp_servers": {
                    "identity": {
                        "url": server.url(f"/{person}"),
                        "headers": {"Authorization": f"Bearer token-of-{person}", "X-Title": person},
                        "required": True,
                    }
                },
            }
            runner.stdin.write(json.dumps({"type": "run", "id": person, "params": params}) + "\n")
        # The runner finishes what it was given, then exits.
        runner.stdin.close()
        events, ends = {person: [] for person in PEOPLE}, {}
        ready = json.loads(runner.stdout.readline())
        check(ready["type"] == "ready" and "codex" in ready["versions"], "the first line names the versions")
        for line in runner.stdout:
            message = json.loads(line)
            if message["type"] == "event":
                events[message["id"]].append(message["event"])
                print(f"  {message['id']:6} {describe(message['event'])}")
            elif message["type"] == "end":
                check(message["id"] not in ends, f"{message['id']} has one end")
                ends[message["id"]] = message
            else:
                check(False, f"no other message comes: {line.strip()}")
        check(runner.wait() == 0, "the runner exits with 0")
        return events, ends
    finally:
        watchdog.cancel()
        if runner.poll() is None:
            runner.terminate()
            runner.wait()


def describe(event):
    item = event.get("item")
    return event["type"] if item is None else f"{event['type']} {item['type']}"


def check(claim, text):
    if not claim:
        print(f"NOT TRUE: {text}")
        sys.exit(1)


def main():
    server = IdentityServer()
    switchyard = shlex.split(os.environ.get("SWITCHYARD", "")) or [NODE, str(ROOT / "src" / "cli" / "main.ts")]
    command = [*switchyard, "runner"]
    model = None
    with tempfile.TemporaryDirectory(prefix="switchyard-example-") as home:
        environment = {**os.environ, "SWITCHYARD_HOME": home}
        try:
            if os.environ.get("OPENAI_API_KEY"):
                prompt = "Call the tool whoami of the MCP server identity once, then say what it answered."
            else:
                model = start([NODE, str(ROOT / "src" / "testing" / "model" / "model-process.ts")])
                command += ["--base-url", json.loads(model.stdout.readline())["baseUrl"]]
                environment["OPENAI_API_KEY"] = "a-key-for-the-scripted-model"
                # The scripted model plays the prompt.
                prompt = json.dumps([{"call": {"server": "identity", "tool": "whoami"}}, {"say": "That is you."}])
            events, ends = run_all(server, command, environment, prompt)
        finally:
            if model is not None:
                model.stdin.close()
                model.wait()
            server.shutdown()
            server.server_close()

    check(sorted(ends) == sorted(PEOPLE), "every run has an end")
    for person in PEOPLE:
        end = ends[person]
        check(end["status"] == "completed", f"{person} completed: {end.get('error')}")
        calls = [
            event["item"]
            for event in events[person]
            if event["type"] == "item.completed" and event["item"]["type"] == "mcp_tool_call"
        ]
        answers = [block["text"] for call in calls for block in call["result"]["content"]]
        check(answers and set(answers) == {person}, f"{person} is told {answers}")
        requests = [(method, headers) for path, method, headers in server.seen if path == f"/{person}"]
        check({"initialize", "tools/list", "tools/call"} <= {method for method, _ in requests}, "the server was used")
        for method, headers in requests:
            names = {name.lower(): value for name, value in headers.items()}
            own = (names.get("authorization"), names.get("x-title"))
            check(own == (f"Bearer token-of-{person}", person), f"{method} of {person} carries {own}")
        print(f"{person}: {end['final_response']!r}, {len(requests)} requests, all under {person}'s own headers")
    print(f"{len(PEOPLE)} threads, {len(server.seen)} requests, every claim checked")


if __name__ == "__main__":
    main()
