// The queue of files on their way up: two at a time, tried again after 1, 3 and
// 5 s; a server that says it is busy (429, 503) holds up all of it. Then waits
// until the server has read the file. Knows nothing of the film they are for.

import { base, backOff, call, get, Problem, uid } from './api.js';
import { wait } from './dom.js';
import { t } from './messages.js';

const parallel = 2;
const endings = {
	video: /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|ts|mts|3gp)$/i,
	image: /\.(jpe?g|png|gif|webp|avif|heic|bmp|tiff?)$/i,
	audio: /\.(mp3|wav|ogg|oga|opus|m4a|aac|flac)$/i,
};

// video, image, audio, or undefined for what is none
export const kindOf = (file) => Object.keys(endings).find((k) =>
	(file.type ? file.type.startsWith(`${k}/`) : endings[k].test(file.name)));

const items = new Set();
let changed = () => {};
let resumeAt = 0;
let idlers = [];

export const pending = (i) => ['waiting', 'uploading', 'probing'].includes(i.status);
export const onChange = (f) => { changed = f; };
export const busyFor = () => Math.max(0, Math.ceil((resumeAt - Date.now()) / 1000));

// When nothing is on its way any more.
export const idle = () => new Promise((done) => { idlers.push(done); tell(); });

export function totals() {
	const all = [...items].filter((i) => i.file);
	return {
		files: all.length, done: all.filter((i) => !pending(i)).length,
		size: all.reduce((n, i) => n + i.size, 0), sent: all.reduce((n, i) => n + i.sent, 0),
		active: all.some(pending),
	};
}

function tell(item) {
	changed(item);
	if ([...items].some(pending)) return;
	idlers.forEach((f) => f());
	idlers = [];
}

export function enqueue(item) {
	Object.assign(item, { status: 'waiting', sent: 0, tries: 0, idem: uid(), error: null, next: 0 });
	items.add(item);
	tell(item);
	pump();
}

export function drop(item) {
	items.delete(item);
	item.xhr?.abort();
	tell(item);
	pump();
}

export const clear = () => [...items].forEach(drop);

let timer;

function pump() {
	clearTimeout(timer);
	const now = Date.now();
	const waiting = [...items].filter((i) => i.status === 'waiting');
	let free = parallel - [...items].filter((i) => i.status === 'uploading').length;

	if (resumeAt <= now) {
		for (const i of waiting) if (free > 0 && i.next <= now) { free--; send(i); }
	}
	// Counts down for who watches, and starts what has waited long enough.
	if (waiting.some((i) => Math.max(i.next, resumeAt) > now)) {
		timer = setTimeout(() => { waiting.forEach(tell); pump(); }, 250);
	}
}

function send(item) {
	const xhr = new XMLHttpRequest();
	item.xhr = xhr;
	item.status = 'uploading';
	xhr.open('POST', `${base}videos/upload?filename=${encodeURIComponent(item.name)}`);
	xhr.setRequestHeader('Content-Type', item.file.type || 'application/octet-stream');
	xhr.setRequestHeader('Idempotency-Key', item.idem);
	xhr.upload.onprogress = (e) => { item.sent = Math.min(e.loaded, item.size); tell(item); };
	xhr.onload = () => {
		let body = null;
		try { body = JSON.parse(xhr.responseText); } catch { /* not every proxy speaks JSON */ }
		if (xhr.status < 300 && body?.id) {
			item.sent = item.size;
			item.asset = body;
			item.status = 'probing';
			read(item);
		} else {
			lose(item, new Problem(xhr.status, body, xhr.getResponseHeader('Retry-After')));
		}
		pump();
	};
	xhr.onerror = () => { lose(item, new Problem(0)); pump(); };
	tell(item);
	xhr.send(item.file);
}

function lose(item, problem) {
	const { status } = problem;
	const passing = status === 0 || status === 429 || status === 408 || status >= 500
		|| (status === 409 && problem.retryAfter);

	item.sent = 0;
	if (passing && item.tries < backOff.length) {
		const pause = Math.max(backOff[item.tries++], 1000 * problem.retryAfter);
		item.status = 'waiting';
		item.next = Date.now() + pause;
		if (status === 429 || status === 503) resumeAt = Math.max(resumeAt, item.next);
	} else {
		item.status = 'failed';
		item.error = problem.message;
		if (status === 401) call('GET', 'users/me').catch(() => {});
	}
	tell(item);
}

// What the server finds in the file: its length and size, or why it is no use.
async function read(item) {
	tell(item);
	for (let pause = 250; items.has(item) && item.status === 'probing'; pause = Math.min(3000, pause * 1.5)) {
		try {
			const a = item.asset;
			if (a.status === 'ready') item.status = 'ready';
			else if (a.status === 'failed') Object.assign(item, { status: 'failed', error: a.error });
			else {
				await wait(pause);
				item.asset = await get(`videos/${a.id}`);
				continue;
			}
		} catch (e) {
			Object.assign(item, { status: 'failed', error: e.message });
		}
		if (item.status === 'ready' && !['video', 'image', 'audio'].includes(item.asset.kind)) {
			Object.assign(item, { status: 'failed', error: t('notMedia', item.name) });
		}
		tell(item);
	}
}
