// Files on their way up, two at a time, with retries; a busy server (429, 503)
// holds up all of them. Knows nothing of films.

import {base, backOff, get, Problem, uid} from './api.js'
import {wait} from './dom.js'
import {fill, m} from './messages.js'

// what browsers may not know
const endings = {
	video: /\.(mkv|m?ts|mov|avi|3gp)$/i,
	image: /\.(avif|heic|tiff?)$/i,
	audio: /\.(opus|m4a|aac|flac)$/i,
}

export const kindOf = ({type, name}) => Object.keys(endings).find(k => (type ? type.startsWith(`${k}/`) : endings[k].test(name)))

const items = new Set()
const inState = (...states) => [...items].filter(i => states.includes(i.status))
const active = () => inState('waiting', 'uploading', 'probing').length
let changed, timer
let resumeAt = 0
let idlers = []

export const onChange = f => {changed = f}

export const idle = () => new Promise(done => {idlers.push(done); tell()})

export function totals() {
	const sum = key => [...items].reduce((n, i) => n + i[key], 0)
	return {active: active(), files: items.size, sent: sum('sent'), size: sum('size'), pause: Math.ceil((resumeAt - Date.now()) / 1000)}
}

function tell(item) {
	changed(item)
	if (!active()) idlers.splice(0).forEach(f => f())
}

export function enqueue(item) {
	items.add(Object.assign(item, {status: 'waiting', sent: 0, tries: 0, next: 0, error: '', key: uid()}))
	pump()
}

export function drop(item) {
	items.delete(item)
	item.xhr?.abort()
	URL.revokeObjectURL(item.url)
	pump()
}

function pump() {
	const waiting = inState('waiting')
	const due = waiting.filter(i => Math.max(i.next, resumeAt) <= Date.now())
	due.slice(0, Math.max(0, 2 - inState('uploading').length)).forEach(send)
	clearTimeout(timer)
	if (due.length < waiting.length) timer = setTimeout(pump, 250)
	waiting.forEach(tell)
	tell()
}

function send(item) {
	const xhr = new XMLHttpRequest()
	const end = () => {
		let body
		try {body = JSON.parse(xhr.responseText)} catch {/* of a proxy, or none */}
		if (xhr.status === 201) {
			Object.assign(item, {sent: item.size, asset: body, status: 'probing'})
			read(item)
		} else {
			lose(item, new Problem(xhr.status, body, xhr.getResponseHeader('Retry-After')))
		}
		pump()
	}
	Object.assign(item, {xhr, status: 'uploading'})
	Object.assign(xhr, {onload: end, onerror: end})
	xhr.upload.onprogress = e => {item.sent = Math.min(e.loaded, item.size); tell(item)}
	xhr.open('POST', `${base}videos/upload?filename=${encodeURIComponent(item.name)}`)
	xhr.setRequestHeader('Content-Type', item.file.type || 'application/octet-stream')
	xhr.setRequestHeader('Idempotency-Key', item.key)
	xhr.send(item.file)
}

function lose(item, problem) {
	item.sent = 0
	if (!problem.passing || item.tries === 3) {fail(item, problem.message); return}
	item.status = 'waiting'
	item.next = Date.now() + Math.max(backOff[item.tries++], problem.after)
	if ([429, 503].includes(problem.status)) resumeAt = Math.max(resumeAt, item.next)
}

function fail(item, error) {
	Object.assign(item, {status: 'failed', error})
	tell(item)
}

async function read(item) {
	try {
		for (let pause = 250; item.asset.status === 'probing' && items.has(item); pause = Math.min(3000, pause * 1.5)) {
			await wait(pause)
			item.asset = await get(`videos/${item.asset.id}`)
		}
		const {status, kind, error} = item.asset
		if (status === 'failed') throw Error(error)
		if (kind !== item.kind) throw Error(fill(m.notMedia, item.name))
		item.status = 'ready'
		tell(item)
	} catch (e) {
		fail(item, e.message)
	}
}
