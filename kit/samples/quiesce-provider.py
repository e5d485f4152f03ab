#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A quiesce provider in its own process: runs one command to bring an instance to rest and one to let it go on.

    quiesce-provider.py SOCKET QUIESCE-COMMAND THAW-COMMAND

Protocol: docs/formats/quiesce-protocol.md. Try it with `lifeboat quiesce conformance --socket SOCKET`.
"""
import json, os, socketserver, subprocess, sys, threading, time
from datetime import datetime

LINE_MAX = 64 << 10
path, quiesce_command, thaw_command = sys.argv[1:4]
lock = threading.Lock()  # one thing at a time for an instance
held, over = {}, set()  # instance -> (id, deadline), and ids that were thawed


class Failed(Exception):
    def __init__(self, fault, message):
        super().__init__(message)
        self.fault = fault


def run(command, instance, limit):
    try:
        done = subprocess.run(["/bin/sh", "-c", command], env={**os.environ, "INSTANCE": instance}, timeout=limit,
                              capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        raise Failed("timeout", f"{command} did not end within {limit:.1f} s")
    if done.returncode != 0:
        raise Failed("refused", f"{command} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return f"{command} ended with 0: {done.stdout.strip()[-300:]}"


def thaw(instance, limit=5.0):
    known = held.pop(instance, None)
    evidence = run(thaw_command, instance, limit)
    in_time = known is not None and time.time() < known[1]
    return known, in_time, evidence


def answer(request):
    if not isinstance(request, dict) or request.get("protocol") != 1 or not isinstance(request.get("instance"), str):
        raise Failed("refused", "this is no request of protocol 1")
    method, instance = request.get("method"), request["instance"]
    if method == "quiesce" and request.get("settings"):
        raise Failed("misconfigured", f"this provider has no settings, not even {sorted(request['settings'])}")
    if method == "hello":
        return {"name": "command sample", "protocol": 1}
    if method == "state":
        return {"state": "quiesced" if instance in held else "thawed"}
    if method not in ("quiesce", "thaw"):
        raise Failed("refused", f"there is no method '{method}'")
    with lock:
        if method == "thaw":
            over.add(request["id"])
            known, in_time, evidence = thaw(instance, request["limitSeconds"])
            return {"held": in_time and known[0] == request["id"], "evidence": evidence}
        if request["id"] in over:  # given up, thawed, and read only now: nobody would thaw it again
            raise Failed("refused", "it was thawed already")
        deadline = datetime.fromisoformat(request["deadline"].replace("Z", "+00:00")).timestamp()
        held[instance] = (request["id"], deadline)  # before the command: what it does half is undone by the thaw
        return {"reached": "application", "evidence": run(quiesce_command, instance, request["limitSeconds"])}


def dead_man():
    while True:
        time.sleep(0.1)
        with lock:
            for instance in [i for i, (_, deadline) in held.items() if time.time() > deadline]:
                try:
                    thaw(instance)
                except Failed as failure:
                    print(f"{instance}: {failure}", file=sys.stderr)
                    held[instance] = ("", 0.0)  # again, in a moment


class Request(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline(LINE_MAX + 1)
        try:
            if len(line) > LINE_MAX:
                raise Failed("refused", f"a line has at most {LINE_MAX} bytes")
            reply = {"ok": answer(json.loads(line))}
        except Failed as failure:
            reply = {"error": {"fault": failure.fault, "message": str(failure)}}
        except (ValueError, KeyError, TypeError) as wrong:
            reply = {"error": {"fault": "refused", "message": f"cannot be read: {wrong}"}}
        try:
            self.wfile.write(json.dumps(reply).encode() + b"\n")
        except OSError:
            pass  # given up; a thaw follows


if os.path.exists(path):
    os.unlink(path)
threading.Thread(target=dead_man, daemon=True).start()
socketserver.ThreadingUnixStreamServer.daemon_threads = True
socketserver.ThreadingUnixStreamServer(path, Request).serve_forever()
