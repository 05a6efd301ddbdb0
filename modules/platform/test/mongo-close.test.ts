import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { mongo } from 'mongoose';
import pino from 'pino';
import { databaseUri } from '../../../test/support/store.ts';
import { openDatabase, type Database } from '../mongo.ts';

describe('A database connection that closes', () => {
  const sockets: Socket[] = [];
  const note = (message: unknown) => {
    sockets.push((message as { socket: Socket }).socket);
  };
  let database: Database;

  before(async () => {
    subscribe('net.client.socket', note);
    database = await openDatabase({
      uri: await databaseUri(),
      dataDir: '',
      name: `closing${process.pid}`,
      log: pino({ level: 'silent' }),
    });
  });
  after(async () => {
    unsubscribe('net.client.socket', note);
    await database.close();
  });

  it('leaves no command waiting that was written as it closed, and none of the pool’s places taken', async () => {
    const notes = database.connection.collection<{ _id: number }>('notes');
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(Array.from({ length: 8 }, () => notes.findOne({})));
      // Destroyed, and "close" not yet told: what a command meets when the database is killed.
      for (const socket of sockets) socket.destroy();
      const commands = Promise.allSettled([
        notes.findOne({}),
        notes.find({}).toArray(),
        notes.insertOne({ _id: round }),
        notes.updateOne({ _id: -1 }, { $set: { round } }, { upsert: true }),
      ]);
      const outcomes = await Promise.race([commands, sleep(8000, 'hanging')]);
      assert.ok(typeof outcomes === 'object', 'every command ends');
      // Each is tried once more, which may meet the next closing connection; more the driver does not do.
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof mongo.MongoNetworkError);
    }
    await Promise.all(Array.from({ length: 60 }, (_, number) => notes.insertOne({ _id: 100 + number })));
  });
});
