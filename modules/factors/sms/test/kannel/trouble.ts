// A portal whose only gateway is a Kannel that is about to fail, with people who have nothing but a phone, or an app too.
import assert from 'node:assert/strict';
import type { Member } from '../../../../../test/attacks/support/people.ts';
import type { Visitor } from '../../../../../test/support/http.ts';
import { assertValidHtml } from '../../../../../test/support/page-quality.ts';
import type { TestPortal } from '../../../../../test/support/portal.ts';
import { openSmtpSink, type SmtpSink } from '../../../../../test/support/smtp-sink.ts';
import { staffOf } from '../../../../portal/staff/test/pages.ts';
import type { KannelProcess } from '../gateways/kannel-process.ts';
import { describeWithKannel, openPortalAt } from './ground.ts';
import { addApp, addOwner, answerByText, askByText, type Owner } from './people.ts';

/** What the page says to the person. */
export const says = {
  sent: /We sent a message to \+49\*{6}\d\d\./,
  late: /is waiting at the network, and may come late\. You can use another way meanwhile/,
  unknown: /We could not find out whether the message to \+49\*{6}\d\d left\. Wait a minute for it, or use another way/,
  failed: /The message to \+49\*{6}\d\d could not be sent\. Send it again, or use another way/,
};

export interface Trouble {
  kannel: KannelProcess;
  portal: TestPortal;
  /** Where the portal's mails go. */
  sink: SmtpSink;
  /** A member of staff, by profile. */
  as: (profile: string) => Promise<Visitor>;
  /** Has a phone. */
  ada: Owner;
  /** Has a phone and an app. */
  bo: Owner & Member;
  /** Has a phone; whether she can sign in tells whether all is well again. */
  cleo: Owner;
  /** The state that monitoring reads, with what is told of the factor. */
  health: () => Promise<string>;
  /** Staff's page about text messages says so. */
  staffSee: (what: RegExp) => Promise<void>;
  /** A message of somebody else arrives: whatever was to leave before it has left. */
  assertWorks: () => Promise<void>;
}

/** A group of tests in which Kannel fails and is mended again. */
export function describeTrouble(title: string, tests: (trouble: () => Trouble) => void): void {
  describeWithKannel(title, (kannel) => {
    let sink: SmtpSink | undefined;
    let portal: TestPortal | undefined;
    let trouble: Trouble | undefined;
    before(async () => {
      sink = await openSmtpSink();
      portal = await openPortalAt(kannel(), {
        environment: {
          SMTP_URL: sink.url,
          MAIL_FROM: 'portal@example.com',
          SMS_ADDRESS_PER_HOUR: '500',
          SMS_ADDRESS_PER_DAY: '500',
        },
      });
      trouble = await prepare({ kannel: kannel(), portal, sink });
    });
    after(async () => {
      await portal?.close();
      await sink?.close();
    });
    beforeEach(() => {
      // What was sent before counts no more, and an hour begins: staff are mailed once in each.
      const { clock } = trouble?.portal ?? assert.fail();
      clock.advance({ hours: 1, seconds: 3600 - (Math.floor(clock.now().getTime() / 1000) % 3600) });
    });
    tests(() => trouble ?? assert.fail());
  });
}

async function prepare(at: Pick<Trouble, 'kannel' | 'portal' | 'sink'>): Promise<Trouble> {
  const { kannel, portal } = at;
  const as = staffOf(portal);
  const [ada, cleo] = [await addOwner(portal, kannel), await addOwner(portal, kannel)];
  const bo = await addApp(portal, await addOwner(portal, kannel));

  async function health(): Promise<string> {
    const response = await fetch(`${portal.url}/healthz/detail`);
    assert.equal(response.status, 200);
    const { state, factors } = (await response.json()) as {
      state: string;
      factors: Record<string, { detail: string }>;
    };
    return `${state} ${factors['sms']?.detail ?? ''}`.trim();
  }

  async function staffSee(what: RegExp): Promise<void> {
    const page = await (await as('admin')).get('/staff/factors/sms');
    await assertValidHtml(page.html);
    assert.match(page.text, what);
  }

  async function assertWorks(): Promise<void> {
    const { visitor, page } = await askByText(portal, cleo);
    assert.match(page.text, says.sent);
    await answerByText(visitor, cleo.handset);
    assert.equal(await health(), 'ok');
    await staffSee(/kannel Works/);
  }

  return { ...at, as, ada, bo, cleo, health, staffSee, assertWorks };
}
