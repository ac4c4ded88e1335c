"""A conversation between Python's `websockets`, Node's `ws` and the terminal client, checked byte for byte."""

import asyncio
import json
import signal
import sys
import tempfile

import websockets

NODE_CLIENT = sys.argv[1]
PATIENCE = 20  # seconds, more than any step takes on a busy machine


class Program:
    """A program whose lines are read one by one."""

    @classmethod
    async def start(cls, *command):
        self = cls()
        self.process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        return self

    async def line(self):
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)
        return line.decode().rstrip("\n")

    async def until(self, expected):
        while (line := await self.line()) != expected:
            assert line, f"the program ended before {expected!r}"

    def write(self, line):
        self.process.stdin.write(line.encode() + b"\n")


async def serving(*command):
    program = await Program.start(*command)
    url = (await program.line()).removeprefix("listening on ").removesuffix("?username=NAME")
    return program, url


async def until(socket, expected):
    while await asyncio.wait_for(socket.recv(), PATIENCE) != expected:
        pass


def frame(text):
    return json.dumps({"type": "chatMessage", "payload": {"message": text}}, ensure_ascii=False)


async def converse(url):
    """Alice on Python and Bob on Node, against whatever speaks the protocol at `url`."""
    async with websockets.connect(f"{url}?username=alice&room=talk") as alice:
        assert await alice.recv() == '{"type":"userCount","payload":{"count":1}}'
        assert await alice.recv() == '{"type":"system","payload":{"text":"alice joined"}}'
        await alice.send(frame("Hello!"))
        await until(alice, '{"type":"chatMessage","payload":{"username":"alice","message":"Hello!"}}')

        bob = await Program.start("node", NODE_CLIENT, f"{url}?username=bob&room=talk")
        assert await bob.line() == '{"type":"chatMessage","payload":{"username":"alice","message":"Hello!"}}'
        await bob.until('{"type":"system","payload":{"text":"bob joined"}}')
        await until(alice, '{"type":"system","payload":{"text":"bob joined"}}')

        bob.write(frame("Grüße, <b>\u2028</b> \U0001f980"))
        said = ('{"type":"chatMessage","payload":{"username":"bob",'
                '"message":"Grüße, <b>\u2028</b> \U0001f980"}}')
        await until(alice, said)
        await bob.until(said)

        bob.process.stdin.close()
        await bob.until("closed 1000")
        assert await asyncio.wait_for(bob.process.wait(), PATIENCE) == 0
        await until(alice, '{"type":"system","payload":{"text":"bob left"}}')


async def the_server(data):
    server, url = await serving("hallway-server", "--listen", "127.0.0.1:0", "--data", data)
    await converse(url)

    terminal = await Program.start("terminal_client", f"{url}?username=carol&room=talk")
    assert await terminal.line() == "alice: Hello!"
    await terminal.until("* carol joined")
    dave = await Program.start("node", NODE_CLIENT, f"{url}?username=dave&room=talk")
    await dave.until('{"type":"system","payload":{"text":"dave joined"}}')
    terminal.write("from a terminal")
    await dave.until('{"type":"chatMessage","payload":{"username":"carol","message":"from a terminal"}}')
    dave.write(frame("to a terminal"))
    await terminal.until("dave: to a terminal")

    # A message over the limit, a binary one: each with its code.
    for message, code in (("x" * 65537, 1009), (b"x", 1003)):
        async with websockets.connect(f"{url}?username=eve", max_size=None) as eve:
            await eve.send(message)
            try:
                while True:
                    await asyncio.wait_for(eve.recv(), PATIENCE)
            except websockets.ConnectionClosed as closed:
                assert closed.rcvd.code == code, closed

    # The end of the server is an end for all: with its code, and with exit code 0.
    server.process.send_signal(signal.SIGTERM)
    await dave.until("closed 1001")
    assert await asyncio.wait_for(dave.process.wait(), PATIENCE) == 0
    assert await asyncio.wait_for(server.process.wait(), 5) == 0
    assert await asyncio.wait_for(terminal.process.wait(), PATIENCE) == 0


async def version_2(data):
    """Alice on Python and Bob on Node speak version 2; Alice goes away, the server is killed, and Alice comes back."""
    server, url = await serving("hallway-server", "--listen", "127.0.0.1:0", "--data", data)
    speaks_v2 = {"subprotocols": ["hallway.v2"]}

    async def next_of(socket, kind):
        while (it := json.loads(await asyncio.wait_for(socket.recv(), PATIENCE)))["type"] != kind:
            pass
        return it["payload"]

    async with websockets.connect(f"{url}?username=alice", **speaks_v2) as alice:
        assert alice.subprotocol == "hallway.v2"
        welcome = await next_of(alice, "welcome")
        assert (welcome["username"], welcome["seq"], welcome["resumed"]) == ("alice", 0, False)
        await alice.send(json.dumps({"type": "chatMessage", "payload": {"message": "Hello!", "ref": "c1"}}))
        said, ack = None, None
        while not (said and ack):
            it = json.loads(await asyncio.wait_for(alice.recv(), PATIENCE))
            said = it["payload"] if it["type"] == "chatMessage" else said
            ack = it["payload"] if it["type"] == "ack" else ack
        assert ack == {"ref": "c1", "seq": 1, "sentAt": said["sentAt"]}

    bob = await Program.start("node", NODE_CLIENT, f"{url}?username=bob", "hallway.v2")
    assert (await bob.line()).startswith('{"type":"welcome"')
    await bob.until('{"type":"system","payload":{"text":"bob joined","event":"joined","usernames":["bob"]}}')
    bob.write(json.dumps({"type": "chatMessage", "payload": {"message": "Hi!", "ref": "b1"}}))
    while not (await bob.line()).startswith('{"type":"ack","payload":{"ref":"b1","seq":2,'):
        pass

    server.process.kill()
    await asyncio.wait_for(bob.process.wait(), PATIENCE)
    await asyncio.wait_for(server.process.wait(), PATIENCE)
    server, url = await serving("hallway-server", "--listen", "127.0.0.1:0", "--data", data)

    back = f"{url}?username=alice&epoch={welcome['epoch']}&after=1"
    async with websockets.connect(back, **speaks_v2) as alice:
        assert (await next_of(alice, "welcome"))["resumed"]
        missed = json.loads(await asyncio.wait_for(alice.recv(), PATIENCE))["payload"]
        assert (missed["seq"], missed["username"], missed["message"]) == (2, "bob", "Hi!")
        await alice.send(json.dumps({"type": "history", "payload": {"limit": 1, "before": 2}}))
        page = await next_of(alice, "history")
        assert (page["messages"], page["more"]) == ([said], False)
        await alice.send("oops")
        assert (await next_of(alice, "error"))["code"] == "bad_json"
    server.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(server.process.wait(), 5) == 0


async def plain_http(_):
    server, url = await serving("hallway-server", "--listen", "127.0.0.1:0", "--data", "none")
    base = url.replace("ws://", "http://").removesuffix("/chat")
    for path, status in (("/healthz", "200"), ("/", "200"), ("/nothing", "404"), ("/chat", "426")):
        curl = await Program.start("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}\n", base + path)
        assert await curl.line() == status, path
    server.process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(server.process.wait(), 5) == 0


async def the_axum_example(_):
    service, url = await serving("embed_axum", "127.0.0.1:0")
    await converse(url)
    service.process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(service.process.wait(), 5) == 0


for scene in (the_server, version_2, plain_http, the_axum_example):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scene(f"{folder}/hallway.db"))
    print(f"{scene.__name__}: as the protocol says")
