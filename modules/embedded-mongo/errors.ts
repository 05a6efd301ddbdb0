const CODE_NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'InternalError'],
  [2, 'BadValue'],
  [8, 'UnknownError'],
  [9, 'FailedToParse'],
  [14, 'TypeMismatch'],
  [15, 'Overflow'],
  [20, 'IllegalOperation'],
  [22, 'InvalidBSON'],
  [26, 'NamespaceNotFound'],
  [27, 'IndexNotFound'],
  [28, 'PathNotViable'],
  [40, 'ConflictingUpdateOperators'],
  [43, 'CursorNotFound'],
  [48, 'NamespaceExists'],
  [50, 'MaxTimeMSExpired'],
  [52, 'DollarPrefixedFieldName'],
  [53, 'InvalidIdField'],
  [54, 'NotSingleValueField'],
  [56, 'EmptyFieldName'],
  [57, 'DottedFieldName'],
  [59, 'CommandNotFound'],
  [66, 'ImmutableField'],
  [67, 'CannotCreateIndex'],
  [68, 'IndexAlreadyExists'],
  [72, 'InvalidOptions'],
  [73, 'InvalidNamespace'],
  [85, 'IndexOptionsConflict'],
  [86, 'IndexKeySpecsConflict'],
  [91, 'ShutdownInProgress'],
  [96, 'OperationFailed'],
  [111, 'NotExactValueField'],
  [115, 'CommandNotSupported'],
  [125, 'CommandFailed'],
  [168, 'InvalidPipelineOperator'],
  [171, 'CannotIndexParallelArrays'],
  [197, 'InvalidIndexSpecificationOption'],
  [225, 'TransactionTooOld'],
  [238, 'NotImplemented'],
  [251, 'NoSuchTransaction'],
  [292, 'QueryExceededMemoryLimitNoDiskUseAllowed'],
  [10334, 'BSONObjectTooLarge'],
  [11000, 'DuplicateKey'],
  [11600, 'InterruptedAtShutdown'],
]);

/** An answer of MongoDB's that is an error: its code, its name and what else the reply carries (keyPattern, ...). */
export class MongoError extends Error {
  readonly code: number;
  readonly codeName: string;
  readonly extra: ReadonlyMap<string, unknown>;

  constructor(code: number, message: string, extra: ReadonlyMap<string, unknown> = new Map()) {
    super(message);
    this.name = 'MongoError';
    this.code = code;
    this.codeName = CODE_NAMES.get(code) ?? `Location${code}`;
    this.extra = extra;
  }
}

/** Refuses what MongoDB has and this store has not: honest, where a guess would be silently wrong. */
export function unsupported(what: string): MongoError {
  return new MongoError(238, `${what} is not supported by the embedded store; set MONGODB_URI`);
}

/** A value that MongoDB would refuse (code 2). */
export function badValue(message: string): MongoError {
  return new MongoError(2, message);
}
