/** JSON-RPC without I/O: message shapes, and the peer with its pending table. */
export { INTERNAL_ERROR, METHOD_NOT_FOUND, PeerError, RpcError } from "./errors.ts";
export { type Message, parseMessage, type RequestId, type RpcErrorObject, toMessage } from "./message.ts";
export { Peer, type PeerOptions, type RequestOptions } from "./peer.ts";
