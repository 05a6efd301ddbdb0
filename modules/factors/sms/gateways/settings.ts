import { z } from 'zod';

const word = (sentence: string) => z.string().trim().optional().describe(sentence);
/** A password keeps its blanks. */
const secret = (sentence: string) => z.string().optional().describe(sentence);

/** Every setting of the gateways, as the shape of a schema: the factor adds its own. */
export const gatewaySettings = {
  SMS_GATEWAYS: word(
    'Who sends text messages, in the order they are tried: one or more of kannel, twilio, http, smpp, with commas; or log alone, which keeps them for the outbox of development.',
  ),
  SMS_ROUTES: word(
    'Gateways for each country, such as DE:kannel,twilio; US:twilio; *:kannel. Empty: all gateways, in their order, for every country.',
  ),
  SMS_KANNEL_URL: word(
    'The address of Kannel’s sendsms interface, such as https://kannel.example.com:13013/cgi-bin/sendsms.',
  ),
  SMS_KANNEL_USERNAME: word('The name of the sendsms-user of Kannel.'),
  SMS_KANNEL_PASSWORD: secret('The password of the sendsms-user of Kannel.'),
  SMS_KANNEL_FROM: word(
    'The sender that phones show for messages by Kannel: a number, or 11 letters and digits at most.',
  ),
  SMS_TWILIO_ACCOUNT_SID: word('The account at Twilio, which begins with AC.'),
  SMS_TWILIO_AUTH_TOKEN: secret('The auth token of the account at Twilio; it also checks Twilio’s reports.'),
  SMS_TWILIO_FROM: word('The number to send from at Twilio, or a messaging service, which begins with MG.'),
  SMS_TWILIO_API: word('Another address for Twilio’s API, such as that of a region. Empty: https://api.twilio.com.'),
  SMS_HTTP_METHOD: z.enum(['POST', 'PUT']).default('POST').describe('How the provider of http is called.'),
  SMS_HTTP_URL: word(
    'The address that messages are sent to by http; it may hold {id}, and neither number, text nor password.',
  ),
  SMS_HTTP_HEADERS: secret(
    'Headers for http as a JSON object, the provider’s key among them; values may hold {id}, {to} and {digits}.',
  ),
  SMS_HTTP_BODY: secret(
    'What is sent by http, JSON or a form, with {to} for the number, {digits} for the number without its +, {text} and {id}.',
  ),
  SMS_HTTP_OK: word(
    'What tells that the provider of http has taken a message: statuses with commas, or a /pattern/ that its answer matches. Empty: every status from 200 to 299.',
  ),
  SMS_HTTP_REFERENCE: word(
    'A /pattern/ whose first group is the provider’s own name for a message, in its answer by http. Empty: none is kept.',
  ),
  SMS_SMPP_URL: word('The SMSC, such as smpps://smsc.example.com:3550; smpp:// is without TLS.'),
  SMS_SMPP_SYSTEM_ID: word('The system id for SMPP.'),
  SMS_SMPP_PASSWORD: secret('The password for SMPP, of 8 characters at most.'),
  SMS_SMPP_SYSTEM_TYPE: word('The system type for SMPP, where the SMSC asks for one.'),
  SMS_SMPP_FROM: word('The sender that phones show for messages by SMPP: a number, or 11 letters and digits at most.'),
};

/** The settings as they were given. */
export type GatewayValues = z.infer<z.ZodObject<typeof gatewaySettings>>;
