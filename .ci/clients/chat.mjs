// A chat client on Node's `ws`, for a URL and the subprotocols it offers: each line of the input is sent as a frame, each frame received is a line of the output.
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const socket = new WebSocket(process.argv[2], process.argv.slice(3));
socket.on('message', (data) => console.log(data.toString()));
socket.on('close', (code) => { console.log(`closed ${code}`); process.exit(0); });
socket.on('error', (error) => { console.log(`error ${error.message}`); process.exit(1); });
socket.on('open', () => {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => socket.send(line));
  lines.on('close', () => socket.close(1000));
});
