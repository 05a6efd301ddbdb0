import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

interface DriverConnection {
  socket: Socket;
  onClose(): void;
}

/**
 * Ends what waits for a database connection that has closed. The driver (7.8 and 7.9) writes a command, and where the socket asks it to wait
 * it waits for "drain" or "error", for ever: neither comes from a socket that is destroyed and whose "close" is about to be told. A
 * command that meets this moment, as the database dies, never ends and keeps its place in the pool; its worker or page hangs. With "drain"
 * told after "close" the driver goes on, sees that the connection is gone and fails the command as it fails any other (and tries it again
 * where that is right). Called once, when this file is loaded. With `compressors` in the database's address a command may be written after
 * "close", which this does not end; none are set here.
 */
function endWaitsOnClose(): void {
  // The driver of mongoose, whichever copy that is.
  const mongoose = createRequire(createRequire(import.meta.url).resolve('mongoose'));
  const { Connection } = mongoose('mongodb/lib/cmap/connection') as { Connection: { prototype: DriverConnection } };
  const driver = Connection.prototype;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own `this` below.
  const { onClose } = driver;
  if (typeof onClose !== 'function')
    throw new Error('This MongoDB driver closes connections in another way: see mongo-close.ts.');
  driver.onClose = function () {
    onClose.call(this);
    this.socket.emit('drain');
  };
}

endWaitsOnClose();
