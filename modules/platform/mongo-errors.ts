const awayNames =
  /^(MongoServerSelectionError|MongoNetwork\w*Error|MongoNotConnectedError|MongoPool\w*Error|MongoTopologyClosedError|MongoExpiredSessionError|MongooseServerSelectionError|DisconnectedError|MongoWriteConcernError|MongoWaitQueueTimeoutError|MongoTimeoutError|MongoOperationTimeoutError)$/;

/** True for errors that mean "the database can't be reached now": people see 503 and may come back. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return awayNames.test(error.name) || /before initial connection is complete|buffering timed out/.test(error.message);
}
