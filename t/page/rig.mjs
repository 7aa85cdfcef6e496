// A browser for t/page.t: contexts that watch what a page must not do, and the
// checks that every view has to pass. Knows nothing of what the page is for.

import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { chromium } from 'playwright-core';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shots = process.env.RENDER_SHOTS;
const types = { mp4: 'video/mp4', png: 'image/png', wav: 'audio/wav', txt: 'text/plain' };
const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export const contexts = {
    'desktop-light': { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
    'desktop-dark': { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
    'phone-light': { viewport: { width: 360, height: 740 }, colorScheme: 'light', hasTouch: true, isMobile: true },
    'phone-dark': { viewport: { width: 360, height: 740 }, colorScheme: 'dark', hasTouch: true, isMobile: true, reducedMotion: 'reduce' },
};

// t/page.t reads these lines
let failures = 0;

export function ok(good, name, why) {
    if (!good) failures++;
    console.log(`${good ? 'ok' : 'not ok'} ${name.replace(/\n/g, ' ')}`);
    if (!good && why !== undefined) console.log(`# ${String(typeof why === 'string' ? why : JSON.stringify(why)).replace(/\n/g, '\n# ')}`);
    return good;
}

export const is = (got, expected, name) => ok(got === expected, name, { got, expected });

export const open = () => chromium.launch({ executablePath: process.env.RENDER_CHROMIUM ?? '/usr/bin/chromium', args });

// The bytes of a file as the page's own File in a DataTransfer.
export async function transfer(page, files) {
    const list = await Promise.all(files.map(async (file) => ({ name: basename(file).replace(/^[0-9a-f]{12}-/, ''),
        type: types[file.split('.').pop()], data: (await readFile(file)).toString('base64') })));
    return page.evaluateHandle((given) => {
        const data = new DataTransfer();
        for (const f of given) {
            const bytes = Uint8Array.from(atob(f.data), (c) => c.charCodeAt(0));
            data.items.add(new File([bytes], f.name, { type: f.type }));
        }
        return data;
    }, list);
}

// A page of its own context. {page, context, expect, look, finish}
export async function watched(browser, url, name, options = contexts[name]) {
    const context = await browser.newContext({ locale: 'en-GB', ...options });
    const page = await context.newPage();
    const faults = [];
    const weights = new Map();
    const excused = [];             // what a test provokes: RegExp
    const hosts = [url, process.argv[4]].filter(Boolean).map((u) => new URL(u).host);     // also that of S3, if there is one

    page.setDefaultTimeout(60000);
    page.on('filechooser', () => {});       // intercepted from now on, not from some moment on
    await context.addInitScript(() => {
        addEventListener('securitypolicyviolation', (e) => console.error(`CSP ${e.violatedDirective} ${e.blockedURI}`));
    });
    page.on('console', (m) => {
        const text = `${m.text()} ${m.location().url ?? ''}`;
        if (m.type() === 'error' && !excused.some((re) => re.test(text))) faults.push(`console: ${text}`);
    });
    page.on('pageerror', (e) => faults.push(`uncaught: ${e.stack}`));
    page.on('request', (r) => {
        const u = new URL(r.url());
        if (/^(http|ws)/.test(u.protocol) && !hosts.includes(u.host)) faults.push(`request to another host: ${r.url()}`);
    });
    page.on('response', async (r) => {
        const u = new URL(r.url());
        if (!u.pathname.startsWith('/app/') || r.status() !== 200) return;
        weights.set(u.pathname, await r.request().sizes().then((s) => s.responseBodySize, () => 0));
    });

    let step = 0;
    return {
        page, context, weights,
        expect: (re) => { excused.push(re); },
        // The view as it is: seen, accessible, and no wider than the window.
        async look(what) {
            if (shots) {
                await mkdir(shots, { recursive: true });
                await page.screenshot({ path: `${shots}/${name}-${String(++step).padStart(2, '0')}-${what}.png`, fullPage: true });
            }
            await page.evaluate(axe);
            const found = await page.evaluate(async () => {
                const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
                return violations.filter((v) => ['serious', 'critical'].includes(v.impact))
                    .map((v) => `${v.id}: ${v.nodes.map((n) => `${n.html} ${n.any.map((a) => a.message).join('; ')}`).join('\n   ')}`);
            });
            ok(!found.length, `${name}, ${what}: no serious finding of axe`, found.join('\n'));
            const wide = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
            ok(wide[0] <= wide[1], `${name}, ${what}: nothing to scroll sideways`, wide);
        },
        async finish() {
            ok(!faults.length, `${name}: no error, no violation of the policy, no other host`, faults.join('\n'));
            await context.close();
        },
    };
}

export const failed = () => failures;
