// The same chat protocol on Bun: topics, and what its server does by itself. `PORT=8080 bun bun.js` starts it;
// QUIET_JOINS leaves out who joined and left.

const HISTORY = 100;
const quiet = Boolean(process.env.QUIET_JOINS);

// By name: how many members a room has, and the frames of its last messages.
const rooms = new Map();

const frame = (type, payload) => JSON.stringify({ type, payload });

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.env.PORT ?? 8080),

  fetch(request, server) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== '/chat') return new Response('not found\n', { status: 404 });
    const data = { name: searchParams.get('username') ?? 'anon', room: searchParams.get('room') ?? 'lobby' };
    if (server.upgrade(request, { data })) return undefined;
    return new Response('a WebSocket upgrade is needed\n', { status: 426 });
  },

  websocket: {
    perMessageDeflate: false,
    idleTimeout: 120,

    open(socket) {
      const { name, room } = socket.data;
      if (!rooms.has(room)) rooms.set(room, { members: 0, history: [] });
      const { history } = rooms.get(room);
      socket.subscribe(room);
      for (const message of history) socket.send(message);
      rooms.get(room).members += 1;
      announce(room, `${name} joined`);
    },

    message(socket, text) {
      let message;
      try {
        const { type, payload } = JSON.parse(text);
        if (type !== 'chatMessage') return;
        message = payload.message;
      } catch {
        return;
      }
      if (typeof message !== 'string' || message.trim() === '') return;
      const { name, room } = socket.data;
      const chat = frame('chatMessage', { username: name, message });
      const { history } = rooms.get(room);
      if (history.length === HISTORY) history.shift();
      history.push(chat);
      server.publish(room, chat);
    },

    close(socket) {
      const { name, room } = socket.data;
      rooms.get(room).members -= 1;
      announce(room, `${name} left`);
    },
  },
});

function announce(room, text) {
  if (quiet) return;
  server.publish(room, frame('userCount', { count: rooms.get(room).members }));
  server.publish(room, frame('system', { text }));
}
