import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { findChromium } from './chromium-binary.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folder.ts';

// Nothing here weakens the browser, so that what it refuses (cross-site reads, inline scripts) a person's
// refuses too. Playwright's own flags stay out for that reason: they turn off the back-forward cache,
// storage partitioning and the pop-up blocker. The background services are off because tests run offline.
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Two real sites on one machine: https://portal.test and https://evil.test.
  '--host-resolver-rules=MAP *.test 127.0.0.1',
];

// How Playwright reaches the browser, and where it starts with no page. Small /dev/shm of containers is not used.
const PLUMBING = ['--remote-debugging-pipe', '--no-startup-window', '--disable-dev-shm-usage'];

export interface PageOptions {
  /** false: as a person sees it who has turned JavaScript off. */
  readonly javaScript?: boolean;
  /** Width of the window in CSS pixels. */
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
}

/** A browser whose pages are each a person of their own, with cookies of their own. */
export interface RealBrowser {
  readonly playwright: Browser;
  newPage: (options?: PageOptions) => Promise<Page>;
  close: () => Promise<void>;
}

/** Starts a real Chromium with a fresh profile. */
export async function launchBrowser(): Promise<RealBrowser> {
  const { executablePath, env } = await findChromium();
  const profile = makeTemporaryFolder('chromium');
  const playwright = await chromium.launch({
    executablePath,
    env,
    ignoreDefaultArgs: true,
    args: [...FLAGS, ...PLUMBING, `--user-data-dir=${profile}`],
  });
  return {
    playwright,
    newPage: async (options = {}) => (await newContext(playwright, options)).newPage(),
    close: async () => {
      await playwright.close();
      removeTemporaryFolder(profile);
    },
  };
}

async function newContext(browser: Browser, options: PageOptions): Promise<BrowserContext> {
  const { javaScript = true, width = 1280, height = 800, dark = false } = options;
  const context = await browser.newContext({
    javaScriptEnabled: javaScript,
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    locale: 'en-GB',
  });
  context.setDefaultTimeout(10_000);
  return context;
}
