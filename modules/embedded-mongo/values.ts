export * from './bson-bytes.ts';
export * from './bson-types.ts';
export * from './keys.ts';
export * from './order.ts';
