/** Uses of the module as its types allow them, and some that they refuse: compiled, not run. */
import { connect, type Acknowledgement, type Chat, HallwayError, type Page, type State } from 'hallway';

const chat: Chat = connect('/chat');
connect(new URL('wss://chat.example/chat'), { room: 'lobby', username: 'alice', outbox: sessionStorage, WebSocket });

chat.on('message', ({ seq, sentAt, username, message, isReplay }) => {
  const when: Date = new Date(sentAt);
  const line: string = `${seq.toFixed()} ${when} ${username}: ${message}`;
  const isOld: boolean = isReplay;
  void [line, isOld];
});
chat.on('gap', ({ from, to }) => chat.history({ before: to + 1, limit: to - from + 1 }));
chat.on('state', ({ state, code, retryIn }) => {
  const now: State = state;
  const wait: number = (code ?? 0) + (retryIn ?? 0);
  void [now, wait];
});
chat.on('failed', ({ ref, message, error }) => {
  if (error instanceof HallwayError && error.code === 'unavailable') void chat.send(message, { ref });
});
const stop: () => void = chat.on('count', ({ count }) => count.toFixed());
stop();

const ack: Promise<Acknowledgement> = chat.send('Hello!');
const page: Promise<Page> = chat.history();
const bytes: number | undefined = chat.limits?.messageBytes;
chat.reconnect();
chat.close();
void [ack, page, bytes, chat.outbox[0]?.ref, chat.username, chat.room, chat.state];

// @ts-expect-error There is no such event.
chat.on('messages', () => {});
// @ts-expect-error A message is a text.
chat.send(7);
// @ts-expect-error A room is a text.
connect('/chat', { room: 7 });
// @ts-expect-error The server gives the name.
chat.username = 'mallory';
