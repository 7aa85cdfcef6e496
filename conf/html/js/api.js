// Requests to the server. The cookie that signs in is out of reach of scripts;
// only that there may be one is remembered, to ask for nothing in vain.

import { t } from './messages.js';
import { wait } from './dom.js';

// The API lies beside the page's folder: / for /app/, /media/ for /media/app/.
export const base = new URL('../', document.baseURI).pathname;
export const backOff = [1000, 3000, 5000];

// An answer that is no success: status (0: there was none), message, errors.
export class Problem extends Error {
	constructor(status, body, retryAfter) {
		super(body?.detail || body?.title || (status ? t('oddAnswer', status) : t('offline')));
		this.status = status;
		this.errors = body?.errors ?? [];
		this.retryAfter = Number(retryAfter) || 0;
	}
}

const flag = 'render-signed-in';

export function remembered(on) {
	try {
		if (on === undefined) return localStorage.getItem(flag) === '1';
		if (on) localStorage.setItem(flag, '1'); else localStorage.removeItem(flag);
	} catch { return true; }
	return on;
}

// A name for one attempt of something, so that sending it twice does it once.
export const uid = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');

// call('POST', 'compositions', {…}): the answer's JSON, or null where it has
// none; throws a Problem. `body` may be text, which is sent as it is.
export async function call(method, path, body, headers) {
	for (let n = 0; ; n++) {
		const problem = new Problem(0);
		try {
			const r = await fetch(base + path, {
				method,
				headers: { ...(body !== undefined && { 'Content-Type': 'application/json' }), ...headers },
				body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
				cache: 'no-store',
			});
			const data = /json/.test(r.headers.get('Content-Type')) ? await r.json() : null;
			if (r.ok) return data;
			throw new Problem(r.status, data, r.headers.get('Retry-After'));
		} catch (e) {
			const p = e instanceof Problem ? e : problem;
			if (p.status === 401 && !path.startsWith('auth/')) {
				remembered(false);
				dispatchEvent(new Event('signed-out'));
			}
			if (method !== 'GET' || n === backOff.length || ![0, 429, 502, 503, 504].includes(p.status)) throw p;
			await wait(Math.max(backOff[n], 1000 * p.retryAfter));
		}
	}
}

export const get = (path) => call('GET', path);
export const over = (status) => ['completed', 'failed', 'cancelled'].includes(status);
