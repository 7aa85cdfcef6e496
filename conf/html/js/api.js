// Requests. Of the cookie, which scripts cannot see, only that there may be one is
// remembered.

import {wait} from './dom.js'
import {fill, m} from './messages.js'

// The API lies around the page's folder.
export const base = new URL('../', document.baseURI).pathname
export const backOff = [1000, 3000, 5000]
export const over = status => ['completed', 'failed', 'cancelled'].includes(status)

// No success; status 0: no answer.
export class Problem extends Error {
	constructor(status, body, after) {
		super(body?.detail || body?.title || (status ? fill(m.odd, status) : m.offline))
		this.status = status
		this.errors = body?.errors ?? []
		this.after = 1000 * after || 0
	}

	get passing() {return [0, 408, 429].includes(this.status) || this.status >= 500 || (this.status === 409 && this.after)}
}

const flag = 'render-signed-in'
export const remembered = () => localStorage.getItem(flag)
export const remember = on => localStorage[on ? 'setItem' : 'removeItem'](flag, 1)

// For Idempotency-Key.
export const uid = () => crypto.getRandomValues(new Uint32Array(4)).join('-')

// The answer's JSON or null; throws a Problem.
export async function call(method, path, body, headers) {
	for (let n = 0; ; n++) {
		try {
			const r = await fetch(base + path, {
				method,
				headers: {...(body && {'Content-Type': 'application/json'}), ...headers},
				body: typeof body === 'object' ? JSON.stringify(body) : body,
			}).catch(() => {throw new Problem(0)})
			const data = await r.json().catch(() => null)
			if (r.ok) return data
			throw new Problem(r.status, data, r.headers.get('Retry-After'))
		} catch (e) {
			if (e.status === 401 && !path.startsWith('auth/')) dispatchEvent(new Event('signed-out'))
			if (method !== 'GET' || n === 3 || !e.passing) throw e
			await wait(Math.max(backOff[n], e.after))
		}
	}
}

export const get = path => call('GET', path)
