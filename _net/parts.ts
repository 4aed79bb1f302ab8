/** What `_net/late.ts` loads: nothing else that a program starts with imports it. */

export {
  connectReadPipe,
  connectWritePipe,
  makeSubprocessTransport,
  subprocessExec,
  subprocessShell,
} from "../_os/subprocesses.ts";
export { _PipeTransport } from "../_os/pipe_transport.ts";
export { connectAcceptedSocket, createConnection } from "./connecting.ts";
export { createDatagramEndpoint } from "./datagram_endpoint.ts";
export { _SelectorDatagramTransport } from "./datagram_transport.ts";
export { getAddrInfo, getNameInfo } from "./names.ts";
export { sendFile } from "./send_file.ts";
export { createServer } from "./serving.ts";
export {
  sockAccept,
  sockConnect,
  sockRecv,
  sockRecvFrom,
  sockRecvFromInto,
  sockRecvInto,
  sockSendAll,
  sockSendTo,
} from "./sock_calls.ts";
export { sockSendFile } from "./sock_send_file.ts";
export { SSLProtocol } from "../sslproto.ts";
export { _SelectorSocketTransport } from "./socket_transport.ts";
export { createUnixConnection, createUnixServer } from "./unix_sockets.ts";
export { startTls } from "./upgrading.ts";
