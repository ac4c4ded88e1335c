"""What a proxy must do for the server, tried with a real one and the configuration in deploy/."""

import asyncio
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import websockets

PROXY, LONG = sys.argv[1], "--long" in sys.argv[2:]
PATIENCE = 20  # seconds, more than any step takes on a busy machine
# Seconds: after which the server pings, what the proxy waits, for how long a client says nothing.
PING_AFTER, PROXY_TIMEOUT, IDLE = (25, 40, 70) if LONG else (1, 2, 5)
DEPLOY = pathlib.Path(__file__).parent.parent.parent / "deploy"
# The proxy's own address is 127.0.0.1, which the server trusts; clients have others.
CLIENT, OTHER = "127.0.0.2", "127.0.0.3"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def replaced(text, *pairs):
    """The text with each expression replaced, all of which must be in it."""
    for pattern, by in pairs:
        text, count = re.subn(pattern, by, text)
        assert count, f"no {pattern} in {text}"
    return text


def nginx(folder, port, backend):
    """deploy/nginx.conf with ports, certificate and time-out of this trial, in a configuration that needs no rights."""
    server = replaced(
        (DEPLOY / "nginx.conf").read_text(),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"), ("127.0.0.1:8080", f"127.0.0.1:{backend}"),
        (r"/etc/ssl/chat\.example\.org\.pem", f"{folder}/cert.pem"),
        (r"/etc/ssl/private/chat\.example\.org\.key", f"{folder}/key.pem"),
        (r"proxy_read_timeout 60s", f"proxy_read_timeout {PROXY_TIMEOUT}s"))
    stores = "".join(f"{name}_temp_path {folder}/{name};\n"
                     for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off;\n{stores}{server}}}\n")
    return ["nginx", "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"]


def caddy(folder, port, backend):
    """deploy/Caddyfile, likewise. Caddy has no time-out of a tunnel to lower."""
    site = replaced(
        (DEPLOY / "Caddyfile").read_text(),
        (r"chat\.example\.org \{",
         f"https://chat.example.org:{port} {{\n\tbind 127.0.0.1\n\ttls {folder}/cert.pem {folder}/key.pem"),
        (r"reverse_proxy 127\.0\.0\.1:8080", f"reverse_proxy 127.0.0.1:{backend}"))
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\n{site}")
    return ["caddy", "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"]


class Trial:
    def __init__(self, folder):
        self.port, self.backend = free_port(), free_port()
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", "/CN=chat.example.org", "-addext", "subjectAltName=DNS:chat.example.org",
             "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, stderr=subprocess.DEVNULL)
        self.tls = ssl.create_default_context(cafile=folder / "cert.pem")
        self.log = open(folder / "log", "w+")
        self.server = subprocess.Popen(
            ["hallway-server", "--listen", f"127.0.0.1:{self.backend}", "--trusted-proxy", "127.0.0.1",
             "--max-per-ip", "3", "--data", str(folder / "hallway.db"), "--ping-after", str(PING_AFTER)], stdout=self.log, stderr=self.log)
        command = {"nginx": nginx, "caddy": caddy}[PROXY](folder, self.port, self.backend)
        home = os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        self.proxy = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=home)
        for port in (self.backend, self.port):
            self.wait_for(port)

    def wait_for(self, port):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                assert time.monotonic() < end, "it does not listen"
                time.sleep(0.02)

    @property
    def host(self):
        return f"chat.example.org:{self.port}"

    def connect(self, name, address=CLIENT, headers=(), **options):
        """A member through the proxy, from this address, as a program or, with an origin, as a page."""
        return websockets.connect(
            f"wss://{self.host}/chat?username={name}&room=talk", ssl=self.tls, host="127.0.0.1", port=self.port,
            local_addr=(address, 0), server_hostname="chat.example.org", proxy=None, open_timeout=PATIENCE,
            ping_interval=None, max_queue=None, additional_headers=dict(headers), **options)

    async def refused(self, *arguments, **options):
        """The status with which a handshake is refused."""
        try:
            async with self.connect(*arguments, **options):
                return 101
        except websockets.InvalidStatus as refused:
            return refused.response.status_code

    def get(self, path):
        """The status of a plain request through the proxy."""
        raw = socket.create_connection(("127.0.0.1", self.port), PATIENCE, (OTHER, 0))
        connection = http.client.HTTPConnection(self.host)
        connection.sock = self.tls.wrap_socket(raw, server_hostname="chat.example.org")
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        return status

    def metric(self, series):
        """Asked of the server itself."""
        connection = http.client.HTTPConnection("127.0.0.1", self.backend, timeout=PATIENCE)
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
        return float(re.search(rf"^{re.escape(series)} (.*)$", page, re.M)[1])

    def end(self):
        for process in (self.proxy, self.server):
            if process.poll() is None:
                process.terminate()
        for process in (self.proxy, self.server):
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def said(name, text):
    return json.dumps({"type": "chatMessage", "payload": {"username": name, "message": text}},
                      separators=(",", ":"), ensure_ascii=False)


async def say(member, text):
    await member.send(json.dumps({"type": "chatMessage", "payload": {"message": text}}, ensure_ascii=False))


async def until(member, expected):
    while await asyncio.wait_for(member.recv(), PATIENCE) != expected:
        pass


async def messages_pass_both_ways(trial):
    async with trial.connect("alice") as alice, trial.connect("bob", OTHER) as bob:
        await until(alice, '{"type":"system","payload":{"text":"bob joined"}}')
        for sender, name in ((alice, "alice"), (bob, "bob")):
            # One at a time, without a later one that would push it through; a long one; many.
            for text in ("Grüße \U0001f980", "x" * 60_000, *map(str, range(50))):
                await say(sender, text)
                await until(alice, said(name, text))
                await until(bob, said(name, text))


async def pages_of_the_own_host_and_port_alone_are_let_in(trial):
    assert await trial.refused("page", origin=f"https://{trial.host}") == 101
    for origin in ("https://evil.example", "https://chat.example.org", f"https://chat.example.org:{trial.port + 1}"):
        assert await trial.refused("page", origin=origin) == 403, origin


async def the_metrics_are_not_for_everybody(trial):
    for path in ("/metrics", "/metrics?x", "//metrics", "/%6detrics", "/./metrics"):
        assert trial.get(path) in (403, 400, 404), path
    assert trial.get("/healthz") == 200
    assert trial.metric("hallway_panics_total") == 0


async def an_address_may_have_so_many_connections_whatever_it_says(trial):
    members = [await trial.connect(f"member{number}") for number in range(3)]
    lie = {"X-Forwarded-For": "192.0.2.1"}
    assert await trial.refused("one-more") == 503
    assert await trial.refused("liar", headers=lie) == 503
    async with trial.connect("other", OTHER, headers={"X-Forwarded-For": CLIENT}) as other:
        await until(other, '{"type":"system","payload":{"text":"other joined"}}')
    for member in members:
        await member.close()
    assert trial.metric('hallway_http_answers_total{answer="too_many_from_address"}') == 2


async def who_says_nothing_stays(trial):
    async with trial.connect("idle") as idle:
        await until(idle, '{"type":"system","payload":{"text":"idle joined"}}')
        await asyncio.sleep(IDLE)
        await say(idle, "still here")
        await until(idle, said("idle", "still here"))


async def the_end_of_the_server_is_told_to_all(trial):
    members = [await trial.connect("alice"), await trial.connect("bob", OTHER)]
    for member in members:
        await until(member, '{"type":"system","payload":{"text":"bob joined"}}')
    trial.server.send_signal(signal.SIGTERM)
    for member in members:
        await asyncio.wait_for(member.wait_closed(), PATIENCE)
        assert member.close_code == 1001, member.close_code
    assert trial.server.wait(PATIENCE) == 0


with tempfile.TemporaryDirectory(prefix="hallway-proxy-") as folder:
    # The proxy's workers may be another user's.
    os.chmod(folder, 0o755)
    trial = Trial(pathlib.Path(folder))
    try:
        for scene in (messages_pass_both_ways, pages_of_the_own_host_and_port_alone_are_let_in,
                      the_metrics_are_not_for_everybody, an_address_may_have_so_many_connections_whatever_it_says,
                      who_says_nothing_stays, the_end_of_the_server_is_told_to_all):
            asyncio.run(scene(trial))
            print(f"{PROXY}: {scene.__name__.replace('_', ' ')}", flush=True)
    except BaseException:
        trial.log.seek(0)
        print(trial.log.read(), file=sys.stderr)
        raise
    finally:
        trial.end()
