/** How an SMSC is reached, and as whom. */
export interface SmppOptions {
  kind: 'smpp';
  host: string;
  port: number;
  /** TLS from the first byte. */
  secure: boolean;
  systemId: string;
  password: string;
  systemType: string;
  from: string;
}
