// The page from sign-up to a playing film, in four contexts. Started by
// t/page.t, which has set up the server:
//
//   node drive.mjs URL FOLDER-OF-MEDIA

import { readdirSync } from 'node:fs';
import { contexts, failed, is, ok, open, transfer, watched } from './rig.mjs';

const [url, media] = process.argv.slice(2);
const file = Object.fromEntries(readdirSync(media).map((f) => [f, `${media}/${f}`]));
const only = process.env.RENDER_PAGE_ONLY;          // one context, while working on it
const password = 'correct horse battery';
const browser = await open();
const known = `known-${Date.now()}@example.test`;       // an account that is there

// ---- what a person does, again and again

async function signUp({ page }, email) {
    await page.getByRole('button', { name: 'New here? Create an account' }).click();
    await page.getByLabel('E-mail').fill(email);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByRole('heading', { name: 'New film' }).waitFor();
}

async function choose({ page }, button, files) {
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.getByRole('button', { name: button }).click()]);
    await chooser.setFiles(files);
}

const ready = ({ page }, n) => page.waitForFunction((k) => document.querySelectorAll('.item[data-state=ready]').length === k, n);

const row = ({ page }, name) => page.locator('.item').filter({ hasText: name });

const names = ({ page }) => page.locator('.items').first().locator('bdi').allTextContents();

async function done({ page }) {
    await page.locator('video[src$="/final"]').waitFor();
}

// It really plays: the time of the film moves on, and nothing is wrong with it.
async function plays(w, what, length) {
    const got = await w.page.evaluate(async () => {
        const v = document.querySelector('video[controls]');
        v.muted = true;
        await v.play();
        await new Promise((yes, no) => {
            v.addEventListener('timeupdate', () => { if (v.currentTime > 0.4) yes(); });
            v.addEventListener('error', () => no(Error(v.error.message)));
        });
        v.pause();
        return { error: v.error, duration: v.duration, width: v.videoWidth };
    }).catch((e) => ({ error: e.message }));
    ok(!got.error && Math.abs(got.duration - length) < 0.3, `${what} plays, ${length} s`, got);
}

// Tab until the element with this accessible name has the focus, which is seen.
async function tabTo({ page }, name) {
    for (let i = 0; i < 60; i++) {
        await page.keyboard.press('Tab');
        const at = await page.evaluate(() => {
            const el = document.activeElement;
            const style = getComputedStyle(el);
            return { name: el.ariaLabel || el.labels?.[0]?.textContent || el.textContent,
                // a player shows the focus of its controls itself
                seen: el.matches('html, body, video') || style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 };
        });
        if (!at.seen) ok(false, `the focus is seen on ${at.name}`);
        if (at.name.startsWith(name)) return;
    }
    throw new Error(`no Tab leads to ${name}`);
}

// ---- the whole way

async function desktopLight(w) {
    const { page, context } = w;
    await page.goto(url);
    is(new URL(page.url()).pathname, '/app/', '/ leads to the page');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await w.look('sign-in');

    w.expect(/401.*\/auth\/login/);
    await page.getByLabel('E-mail').fill('nobody@example.test');
    await page.getByLabel('Password').fill('not the password');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('.sign .error:not(:empty)').waitFor();
    ok(true, 'a wrong password is told');

    await signUp(w, `page-${Date.now()}@example.test`);
    await w.look('empty');
    const [cookie] = await context.cookies();
    ok(cookie.httpOnly && cookie.secure && cookie.sameSite === 'Lax', 'the cookie is HttpOnly, Secure and Lax', cookie);
    const readable = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    ok(!readable.includes('eyJ') && !readable.includes(cookie.value), 'and no token lies where scripts read', readable);

    // by drop, with what is no media; by the chooser, against a busy server; by paste
    const dropped = await transfer(page, [file['one.mp4'], file['music.wav'], file['notes.txt']]);
    await page.dispatchEvent('body', 'dragover', { dataTransfer: dropped });
    ok(await page.locator('body.over').count(), 'a drag is shown');
    await page.dispatchEvent('body', 'drop', { dataTransfer: dropped });
    await page.getByRole('alert').getByText('notes.txt').waitFor();
    ok(true, 'what is no media is refused by name');
    await ready(w, 2);

    let tries = 0;
    w.expect(/503.*\/videos\/upload/);
    await page.route('**/videos/upload*', (route) => (++tries <= 2
        ? route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"title":"Busy","detail":"busy"}' }) : route.continue()));
    await choose(w, 'Choose files', [file['two.mp4']]);
    await row(w, 'two.mp4').getByText('Next try').waitFor();
    ok(await page.getByText('The server is busy').isVisible(), 'a busy server holds up the queue, and it is said');
    await w.look('busy');
    await ready(w, 3);
    is(tries, 3, 'the third try succeeds');
    await page.unroute('**/videos/upload*');

    const pasted = await transfer(page, [file['still.png']]);
    await page.evaluate((clipboardData) => document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true })), pasted);
    await ready(w, 4);
    is((await names(w)).join(), 'one.mp4,two.mp4,still.png', 'drop, chooser and paste add in order');

    // order by button and by drag, an item removed
    await page.getByRole('button', { name: 'Move down: one.mp4' }).click();
    is((await names(w)).join(), 'two.mp4,one.mp4,still.png', 'a button moves a clip');
    ok(await page.getByRole('button', { name: 'Move down: one.mp4' }).evaluate((b) => b === document.activeElement), 'and keeps the focus');
    const grips = await page.locator('.items').first().locator('.grip').all();
    const [from, to] = await Promise.all([grips[2].boundingBox(), grips[0].boundingBox()]);
    await page.mouse.move(from.x + 5, from.y + 20);
    await page.mouse.down();
    await page.mouse.move(from.x + 5, to.y + 60, { steps: 8 });
    await page.mouse.move(from.x + 5, to.y + 10, { steps: 8 });
    await page.mouse.up();
    is((await names(w)).join(), 'still.png,two.mp4,one.mp4', 'a drag moves a clip');
    await choose(w, 'Choose files', [file['third.mp4']]);
    await ready(w, 5);
    await page.getByRole('button', { name: 'Remove: third.mp4' }).click();
    is((await names(w)).length, 3, 'a clip is removed');

    // trim, still, title, music, transition
    await page.getByLabel('still.png: Show for').fill('1');
    await page.getByLabel('two.mp4: From').fill('0.5');
    await page.getByLabel('one.mp4: To').fill('2');
    await page.getByLabel('Title').fill('A day at the lake');
    await page.getByLabel('music.wav: Volume').fill('0.4');
    await page.getByLabel('Between clips').selectOption('Fade');
    await page.getByLabel('Picture').selectOption('draft');
    await w.look('form');

    // a mistake at its place, then none
    w.expect(/422.*\/compositions/);
    await page.getByLabel('two.mp4: From').fill('9');
    await page.getByRole('button', { name: 'Check' }).click();
    await row(w, 'two.mp4').locator('.error', { hasText: 'behind the end' }).waitFor();
    ok(await page.getByLabel('two.mp4: From').evaluate((i) => i.hasAttribute('aria-invalid') && i === document.activeElement),
        'the mistake is shown at its field, which has the focus');
    await w.look('form-mistake');
    await page.getByLabel('two.mp4: From').fill('0.5');
    await page.getByRole('button', { name: 'Check' }).click();
    await page.locator('.checked').getByText('frames').waitFor();
    ok(/3\.5 sec, 105 frames/.test(await page.locator('.checked').textContent()), 'the check tells what will be rendered',
        await page.locator('.checked').textContent());
    await w.look('checked');

    // 1 + 1.5 + 2 s, less two fades of 0.5 s
    const events = [];
    page.on('websocket', (s) => s.on('framereceived', (f) => events.push(JSON.parse(f.payload))));
    // the film may be there half a second later: the page itself notes what it has shown until then
    await page.evaluate(() => {
        const look = () => { window.sawStill ||= !!document.querySelector('.stage canvas:not([hidden]), .stage img'); };
        new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
    });
    await page.getByRole('button', { name: 'Make the film' }).click();
    await page.getByRole('heading', { name: 'A day at the lake' }).waitFor();
    await page.waitForFunction(() => window.sawStill || document.querySelector('.stage video'));
    ok(await page.evaluate(() => window.sawStill === true), 'a placeholder or the first picture is there before the film');
    await w.look('rendering');
    await done(w);
    ok(events.some((e) => e.status === 'processing'), 'progress came by WebSocket', events);
    ok(events.some((e) => e.blurhash && e.preview_url), 'with a BlurHash and a first picture', events);
    await plays(w, 'the film', 3.5);
    await w.look('film');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()]);
    is(download.suggestedFilename(), 'A day at the lake.mp4', 'the film is downloaded under its title');
    is(await download.failure(), null, 'to its end');

    // a stranger with the link, and without it
    await page.getByLabel('Anyone with the link').check();
    const field = page.getByRole('textbox', { name: 'Link to the film' });
    await field.waitFor();
    const link = await field.inputValue();
    ok(link.startsWith(`${url}/`), 'the link is a full one', link);
    const stranger = await browser.newContext();
    const seen = await stranger.request.get(link);
    ok(seen.status() === 200 && seen.headers()['content-type'] === 'video/mp4', 'a stranger watches it by the link', `${seen.status()} ${link}`);
    await w.look('shared');
    await page.getByLabel('Only me').check();
    await field.waitFor({ state: 'hidden' });
    ok((await stranger.request.get(link)).status() >= 400, 'until it is private again');
    await stranger.close();

    // again: edited, cancelled, retried
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByRole('button', { name: 'Make it again' }).waitFor();
    is((await names(w)).join(), 'still.png,two.mp4,one.mp4', 'the composition is back in the form');
    is(await page.getByLabel('two.mp4: From').inputValue(), '0.5', 'with its trims');
    await page.getByLabel('still.png: Show for').fill('30');
    await page.getByLabel('Picture').selectOption('wide');
    await page.getByRole('button', { name: 'Make it again' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Render again' }).waitFor();
    ok(await page.locator('.state').getByText('Cancelled').isVisible(), 'a job is cancelled');
    await w.look('cancelled');
    await page.getByRole('button', { name: 'Render again' }).click();
    await done(w);
    await plays(w, 'what was retried', 32.5);

    // as JSON: no JSON at all, then an unknown member, then right
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByRole('button', { name: 'Edit as JSON' }).click();
    const text = page.getByLabel('The composition as JSON');
    const right = (await text.inputValue()).replace('"width": 1280', '"width": 320').replace('"height": 720', '"height": 180')
        .replace('"size": 72', '"size": 18').replace('"duration": 30', '"duration": 2');
    const selected = () => text.evaluate((a) => a.value.slice(a.selectionStart, a.selectionEnd));
    await text.fill(right.replace('"version": 1,', '"version": 1'));
    await page.getByRole('button', { name: 'Make it again' }).click();
    await page.locator('.fault').click();
    is(await selected(), '"', 'where a text stops being JSON is selected');
    await text.fill(right.replace('"fit"', '"fitt"'));
    await page.getByRole('button', { name: 'Make it again' }).click();
    await page.locator('.fault', { hasText: '/timeline/tracks/0/clips/0/fitt' }).click();
    is(await selected(), '"fitt": "contain"', 'a mistake in the document is selected at its place');
    await w.look('json-mistake');
    await text.fill(right);
    await page.getByRole('button', { name: 'Back to the form' }).click();
    await page.getByLabel('still.png: Show for').waitFor();
    is(await page.getByLabel('still.png: Show for').inputValue(), '2', 'a text that the form can hold goes back into it');

    // the list
    const made = await page.evaluate(async () => {
        const statuses = [];
        for (let i = 0; i < 13; i++) {
            const body = JSON.stringify({ version: 1, title: `Number ${i}`,
                timeline: { width: 16, height: 16, fps: 5, tracks: [{ clips: [{ asset: { type: 'color', color: '#0b6b5d' }, duration: 1 }] }] } });
            statuses.push((await fetch('/compositions', { method: 'POST', body })).status);
        }
        return statuses;
    });
    ok(made.every((s) => s === 202), 'more films', made);
    await page.getByRole('link', { name: 'My films' }).click();
    await page.locator('.films li').nth(11).waitFor();
    is(await page.locator('.films li').count(), 12, 'a page of films');
    await w.look('films');
    await page.getByRole('button', { name: 'More' }).first().click();
    await page.locator('.films li', { hasText: 'A day at the lake' }).first().waitFor();
    is(await page.locator('.films li').count(), 14, 'and the rest of them');
    ok((await page.locator('.jobs li').count()) >= 12 && !(await page.locator('.jobs', { hasText: 'probe' }).count()), 'the work is listed');
    page.once('dialog', (d) => d.accept());
    await page.getByRole('button', { name: 'Delete: Number 12' }).first().click();
    await page.locator('.films li', { hasText: 'Number 12' }).waitFor({ state: 'detached' });
    ok(true, 'a film is deleted');

    const total = [...w.weights.values()].reduce((a, b) => a + b, 0);
    ok(total > 10000 && total < 25000, `the page weighs less than 25 kB on its way (${total})`, Object.fromEntries(w.weights));

    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    is((await context.cookies()).length, 0, 'signing out takes the cookie away');
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    ok(true, 'and one stays signed out');
}

// ---- with the keyboard alone; and a WebSocket that is lost on the way

async function desktopDark(w) {
    const { page } = w;
    const key = (k) => page.keyboard.press(k);
    const urls = [];
    await page.routeWebSocket(/\/ws\/progress\//, (ws) => {
        const server = ws.connectToServer();
        const mine = urls.push(ws.url());
        server.onMessage((m) => {
            ws.send(m);
            if (mine === 1 && JSON.parse(m).id) { ws.close({ code: 1012 }); server.close(); }
        });
    });
    await page.goto(url);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await w.look('sign-in');
    await tabTo(w, 'New here? Create an account');
    await key('Enter');
    await tabTo(w, 'E-mail');
    await page.keyboard.type(`keys-${Date.now()}@example.test`);
    await tabTo(w, 'Password');
    await page.keyboard.type(password);
    await key('Enter');
    await page.getByRole('heading', { name: 'New film' }).waitFor();
    await tabTo(w, 'Choose files');
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), key('Enter')]);
    await chooser.setFiles([file['one.mp4'], file['two.mp4'], file['music.wav']]);
    await ready(w, 3);
    await tabTo(w, 'Move down: one.mp4');
    await key('Enter');
    is((await names(w)).join(), 'two.mp4,one.mp4', 'the order is changed by keys');
    await tabTo(w, 'Title at the beginning');
    await page.keyboard.type('Keys');
    await tabTo(w, 'Picture');
    await page.keyboard.type('Draft');
    await w.look('form');

    await tabTo(w, 'Make the film');
    await key('Enter');
    await page.getByRole('heading', { name: 'Keys' }).waitFor();
    await done(w);
    ok(urls.length > 1 && /last_event_id=\d+-\d+/.test(urls[1]), 'a lost WebSocket is taken up after its last event', urls);
    await plays(w, 'the film made by keys', 4.5);
    await tabTo(w, 'Download');
    ok(true, 'and the keys lead on to it');
    await w.look('film');
    await tabTo(w, 'Only me');
    await key('ArrowDown');
    await page.getByRole('textbox', { name: 'Link to the film' }).waitFor();
    await w.look('shared');
    await page.getByRole('link', { name: 'My films' }).click();
    await page.locator('.films li').first().waitFor();
    await w.look('films');
}

// ---- with a finger, and no WebSocket at all

async function phoneLight(w) {
    const { page } = w;
    await page.routeWebSocket(/\/ws\/progress\//, (ws) => ws.close({ code: 1011 }));
    await page.goto(url);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await w.look('sign-in');
    await page.getByLabel('E-mail').fill(known);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).tap();
    await page.getByRole('heading', { name: 'New film' }).waitFor();
    ok(await page.getByRole('button', { name: 'Use the camera' }).isVisible(), 'a phone is offered its camera');
    is(await page.locator('input[capture]').getAttribute('capture'), 'environment', 'the one at its back');
    await w.look('empty');
    await choose(w, 'Use the camera', [file['still.png']]);
    await choose(w, 'Choose files', [file['two.mp4'], file['music.wav']]);
    await ready(w, 3);
    await page.getByRole('button', { name: 'Move up: two.mp4' }).tap();
    await page.getByLabel('still.png: Show for').fill('2');
    await page.getByLabel('Picture').selectOption('draft');
    await w.look('form');
    await page.getByRole('button', { name: 'Make the film' }).tap();
    await done(w);
    ok(true, 'without a WebSocket progress is asked for');
    await plays(w, 'a film of a phone', 3.5);
    await w.look('film');
    await page.getByRole('link', { name: 'My films' }).tap();
    await page.locator('.films li').first().waitFor();
    await w.look('films');
}

// ---- a phone at night, in JSON, and written from right to left

async function phoneDark(w) {
    const { page } = w;
    await page.goto(url);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await signUp(w, `night-${Date.now()}@example.test`);
    await page.dispatchEvent('body', 'drop', { dataTransfer: await transfer(page, [file['one.mp4'], file['music.wav']]) });
    await ready(w, 2);
    await w.look('form');
    await page.evaluate(() => { document.documentElement.dir = 'rtl'; });
    await w.look('form-from-right-to-left');
    await page.evaluate(() => { document.documentElement.dir = 'ltr'; });
    await page.getByRole('button', { name: 'Edit as JSON' }).tap();
    const text = page.getByLabel('The composition as JSON');
    await text.fill((await text.inputValue()).replace('"width": 1280', '"width": 320').replace('"height": 720', '"height": 180')
        .replace('"version": 1', '"version": 1, "title": "Night"'));
    await w.look('json');
    await page.getByRole('button', { name: 'Make the film' }).tap();
    await page.getByRole('heading', { name: 'Night' }).waitFor();
    await w.look('rendering');
    await done(w);
    await plays(w, 'a film written as JSON', 3);
    await w.look('film');
    await page.getByRole('link', { name: 'My films' }).tap();
    await page.locator('.films li').first().waitFor();
    await w.look('films');
}

await fetch(`${url}/auth/signup`, { method: 'POST', body: JSON.stringify({ email: known, password }) });

const passes = { 'desktop-light': desktopLight, 'desktop-dark': desktopDark, 'phone-light': phoneLight, 'phone-dark': phoneDark };

// ---- the contract, to read and to try

async function contract(w) {
    const { page } = w;
    const spec = await (await fetch(`${url}/openapi.json`)).json();
    const n = Object.values(spec.paths).flatMap((p) => Object.keys(p).filter((m) => /^(get|put|post|patch|delete)$/.test(m))).length;
    await page.goto(`${url}/docs`);
    await page.locator('.operation').nth(n - 1).waitFor();
    is(await page.locator('.operation').count(), n, `all ${n} operations are shown`);
    await w.look('contract');
    await page.getByLabel('Find').fill('health ready');
    is(await page.locator('.operation:visible').count(), 1, 'one is found by its words');
    await page.getByLabel('Find').fill('');
    await page.locator('#createComposition > summary').click();
    await w.look('operation');
    await page.locator('#getHealth > summary').click();
    await page.locator('#getHealth').getByRole('button', { name: 'Send' }).click();
    await page.locator('#getHealth .answer').getByText('"status": "ok"').waitFor();
    ok(true, 'one is tried, and answers');
}

// ---- a film that is watched while it is rendered

async function watching(w) {
    const { page } = w;
    await page.goto(`${url}/app/`);
    const id = await page.evaluate(async ([base, email, secret]) => {
        const send = (path, body, type = 'application/json') => fetch(base + path, { method: 'POST', body,
            headers: { 'Content-Type': type } }).then((r) => r.json());
        await send('/auth/login?cookie=1', JSON.stringify({ email, password: secret }));
        localStorage.setItem('render-signed-in', 1);
        const clip = (color, n) => ({ asset: { type: 'color', color }, duration: n });
        const star = { asset: { type: 'shape', shape: 'star' }, width: 200, height: 200, duration: 'end',
            keyframes: { rotate: [{ time: 0, value: 0 }, { time: 'end', value: 3600 }] } };
        const begun = Date.now();
        const made = await send('/compositions', JSON.stringify({ title: 'Long', timeline: { width: 1920, height: 1080, tracks: [
            { clips: [clip('#304070', 40), clip('#703040', 40)] }, { clips: [{ ...star, start: 0 }] }] },
        outputs: [{ name: 'final', format: 'mp4' }, { name: 'live', format: 'hls', renditions: [{}] }] }));
        return { ...made, begun };
    }, [url, known, password]);
    await page.goto(`${url}/app/#/films/${id.composition_id}`);
    await page.reload();
    await page.locator('video[src$="/live"]').waitFor();
    const got = await page.evaluate(async ([job, begun]) => {
        const v = document.querySelector('video');
        let first;
        v.requestVideoFrameCallback(() => { first = Date.now() - begun; });
        v.muted = true;
        const failed = new Promise((_, no) => { v.addEventListener('error', () => no(Error(v.error.message))); });
        await Promise.race([v.play(), failed]);
        await Promise.race([failed, new Promise((yes) => {
            v.addEventListener('timeupdate', () => { if (v.currentTime > 1) yes(); });
        })]);
        const { status } = await (await fetch(job)).json();
        return { status, at: v.currentTime, pictures: v.getVideoPlaybackQuality().totalVideoFrames, width: v.videoWidth, first };
    }, [`${url}/jobs/${id.job_id}`, id.begun]).catch((e) => ({ error: e.message }));
    ok(got.status === 'processing' && got.pictures > 10 && got.width === 1920 && got.at < 5,
        'the film is watched from its beginning while it is rendered', got);
    console.log(`# its first picture is seen ${(got.first / 1000).toFixed(1)} s after it was asked for; the film has 80 s`);
    await w.look('watching');
    await page.waitForFunction((job) => fetch(job).then((r) => r.json()).then((j) => j.status === 'completed'),
        `${url}/jobs/${id.job_id}`, { polling: 500 });
    is(await page.locator('video[src$="/live"]').count(), 1, 'and on, when it is ready');
}

passes.watching = watching;
contexts.watching = contexts['desktop-light'];
passes['docs-desktop'] = passes['docs-phone'] = contract;
contexts['docs-desktop'] = contexts['desktop-light'];
contexts['docs-phone'] = contexts['phone-dark'];

for (const name of Object.keys(contexts).filter((n) => !only || n === only)) {
    const w = await watched(browser, url, name);
    try {
        await passes[name](w);
    } catch (e) {
        ok(false, `${name} comes to its end`, e.stack);
        await w.look('failure').catch(() => {});
    }
    await w.finish();
}

await browser.close();
console.log('done');
process.exitCode = failed() ? 1 : 0;
