/**
 * A client that takes little: it finds the end of an answer by its length, and reads nothing of it but the status. One
 * that reads all takes half as much of a processor as the answer did, which is missing to what is measured; in earnest
 * whoever asks is elsewhere.
 */
import { connect, type Socket } from "node:net";

export interface Asker {
  /** The status of the answer, once all of it is there. */
  get(path: string): Promise<number>;
  /** Once all answers are there. */
  close(): void;
}

/** A connection that nobody used for so long is closed, in milliseconds: before the server does, which it does after 5 s. */
const IDLE_MS = 2000;

interface Connection {
  readonly socket: Socket;
  /** Waits for the answer; null between two. */
  waiting: { resolve(status: number): void; reject(error: Error): void } | null;
  status: number;
  /** Bytes of the answer that are still to come; null before its head was read. */
  missing: number | null;
}

/** Over as many connections as there are answers under way; each stays open for the next. */
export function createAsker(url: string, token: string): Asker {
  const { hostname, port, host } = new URL(url);
  /** The one that was used last is the last. */
  let idle: Connection[] = [];

  function open(): Connection {
    const connection: Connection = {
      socket: connect({ host: hostname, port: Number(port), noDelay: true }),
      waiting: null,
      status: 0,
      missing: null,
    };
    connection.socket.on("data", (bytes) => read(connection, bytes));
    connection.socket.on("error", (error) => drop(connection, error));
    connection.socket.on("close", () => drop(connection, new Error("closed before the end of an answer")));
    connection.socket.setTimeout(IDLE_MS, () => {
      if (connection.waiting === null) drop(connection, new Error("idle"));
    });
    return connection;
  }

  function drop(connection: Connection, why: Error): void {
    idle = idle.filter((one) => one !== connection);
    connection.socket.destroy();
    connection.waiting?.reject(why);
    connection.waiting = null;
  }

  function read(connection: Connection, bytes: Buffer): void {
    let length = bytes.length;
    if (connection.missing === null) {
      // Of a few hundred bytes, a head comes in one piece; in two it would have no length here.
      const end = bytes.indexOf("\r\n\r\n");
      const [, status, size] =
        /^HTTP\/1\.1 (\d+).*\r\ncontent-length: (\d+)/is.exec(bytes.toString("latin1", 0, end)) ?? [];
      if (size === undefined) {
        drop(connection, new Error("an answer without a length"));
        return;
      }
      connection.status = Number(status);
      connection.missing = Number(size);
      length -= end + "\r\n\r\n".length;
    }
    connection.missing -= length;
    if (connection.missing > 0) return;
    const { waiting, status } = connection;
    connection.waiting = null;
    connection.missing = null;
    idle.push(connection);
    waiting?.resolve(status);
  }

  return {
    get(path) {
      const connection = idle.pop() ?? open();
      return new Promise((resolve, reject) => {
        connection.waiting = { resolve, reject };
        connection.socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n\r\n`);
      });
    },
    close() {
      for (const { socket } of idle) socket.destroy();
    },
  };
}
