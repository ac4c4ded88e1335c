/**
 * The constructors of connections that there are to be tested: `ws`, and from Node 22 on the global one.
 * Imported before a program (`node --import`) it makes `ws` the global one where there is none.
 */
import { WebSocket } from 'ws';

export { WebSocket };

export const CONSTRUCTORS = { ws: WebSocket };
if (globalThis.WebSocket) CONSTRUCTORS['the global WebSocket'] = globalThis.WebSocket;

globalThis.WebSocket ??= WebSocket;
