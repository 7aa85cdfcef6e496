// Where a film is put together, checked and handed in.

import {call, get, uid} from './api.js'
import {button, field, go, h, notice, say} from './dom.js'
import {fromDocument, newFilm, ownerOf, sizes, toDocument} from './film.js'
import {jsonMode} from './json.js'
import {bytes, count, duration, fill, m} from './messages.js'
import {makeRow} from './rows.js'
import {sortable} from './sort.js'
import {drop, enqueue, idle, kindOf, onChange, totals} from './uploads.js'

let film = newFilm()
let id = null   // of the composition that is edited again
let json = null   // in JSON mode
let view = null
let account = null
let attempt = []   // [document, Idempotency-Key]

export const setAccount = a => {account = a; reset()}

const items = () => [...film.clips, ...film.sounds]
const listOf = item => (item.kind === 'audio' ? film.sounds : film.clips)

function addFiles(files) {
	const refused = []
	for (const file of files) {
		const kind = kindOf(file)
		if (!kind || file.size > account.quota_bytes - (account.used_bytes ?? 0)) {refused.push(fill(kind ? m.tooLarge : m.notMedia, file.name)); continue}
		const item = {file, kind, name: file.name, size: file.size, url: URL.createObjectURL(file), in: 0, out: null, seconds: 4, volume: 0.6}
		listOf(item).push(item)
		enqueue(item)
		say(fill(m.added, item.name))
	}
	notice(refused.join(' '), true)
	draw()
}

// Drop and paste, anywhere; show() brings this view.
export function takeDrops(show) {
	const on = addEventListener
	const over = e => {e.preventDefault(); document.body.classList.add('over')}
	const take = (e, data) => {
		document.body.classList.remove('over')
		if (!data?.files.length) return
		e.preventDefault()
		if (account && !json) {show(); addFiles(data.files)}
	}
	on('dragover', e => {if (e.dataTransfer.types.includes('Files')) over(e)})
	on('dragleave', e => {if (!e.relatedTarget) document.body.classList.remove('over')})
	on('drop', e => take(e, e.dataTransfer))
	on('paste', e => take(e, e.clipboardData))
	on('beforeunload', e => {if (totals().active) e.preventDefault()})
}

const rowOf = item => (item.row ??= makeRow(item, {
	move: by => move(item, listOf(item).indexOf(item) + by, by), remove: () => remove(item), again: () => enqueue(item),
}))

function draw() {
	if (!view) return
	for (const kind of ['clips', 'sounds']) {
		view[kind].replaceChildren(...film[kind].map(i => rowOf(i).el))
		view[kind].nextSibling.hidden = film[kind].length
		film[kind].forEach((i, n, all) => rowOf(i).place(!n, n === all.length - 1))
	}
	total()
}

function total() {
	const {active, files, sent, size, pause} = totals()
	view.total.hidden = !active
	view.bar.value = size && sent / size
	view.text.textContent = pause > 0 ? fill(m.paused, pause) : fill(m.total, files - active, files, bytes(sent), bytes(size))
}

function move(item, to, by) {
	const list = listOf(item)
	list.splice(to, 0, ...list.splice(list.indexOf(item), 1))
	draw()
	rowOf(item).focus(by)
	say(fill(m.moved, item.name, to + 1, list.length))
}

function remove(item) {
	const list = listOf(item)
	const at = list.indexOf(item)
	list.splice(at, 1)
	drop(item)
	draw()
	const next = list[at] ?? list[at - 1]
	if (next) rowOf(next).focus(); else view.choose.focus()
}

onChange(item => {
	if (!view) return
	total()
	item?.row?.update()
	if (item?.status === 'failed') say(`${item.name}: ${item.error}`)
})

const checked = (...what) => view.checked.replaceChildren(...what)

// {text, places} to send, or nothing after saying why.
async function ready() {
	items().forEach(i => rowOf(i).errors([]))
	view.problems.replaceChildren()
	notice()
	checked(totals().active ? m.waitUploads : '')
	await idle()
	checked()
	const failed = items().find(i => i.status === 'failed')
	if (json) return json.read() ? {text: json.text()} : null
	if (failed) rowOf(failed).focus()
	if (failed || !film.clips.length) return notice(failed ? m.fixUploads : m.needOne, true)
	const made = toDocument(film)
	return {places: made.places, text: JSON.stringify(made.document)}
}

function showErrors(e, places) {
	const errors = e.errors.map(x => ({...x, pointer: x.pointer.replace(/^\/config(?=\/)/, '')}))
	if (!errors.length) return notice(e.message, true)
	if (json) return json.errors(errors)
	const owned = errors.map(x => ({...x, owner: ownerOf(places, x.pointer)}))
	items().forEach(i => rowOf(i).errors(owned.filter(x => x.owner === i)))
	view.title.toggleAttribute('aria-invalid', owned.some(x => x.owner === 'title'))
	view.problems.replaceChildren(h('p', m.needFix), h('ul', owned.map(x => h('li',
		`${x.owner?.name ?? (x.owner ? m.title : x.pointer)}: ${x.detail}`))))
	return (view.el.querySelector('[aria-invalid]') ?? view.render).focus()
}

async function once(work) {
	if (view.actions.ariaBusy) return
	const {actions} = view
	actions.ariaBusy = 'true'
	const made = await ready()
	if (made) await work(made).catch(e => {checked(); showErrors(e, made.places)})
	actions.ariaBusy = null
}

const check = () => once(async ({text}) => {
	checked(m.checking)
	const {segments, warnings, ...r} = await call('POST', 'compositions/validate', text)
	checked(fill(m.checked, duration(r.duration), count(r.frames), count(segments.total), Object.keys(segments.by_mode).join(', '), duration(r.cost)),
		h('ul', warnings.map(w => h('li', `${w.pointer} ${w.detail}`))))
})

const render = () => once(async ({text}) => {
	if (attempt[0] !== text) attempt = [text, uid()]
	const headers = {'Idempotency-Key': attempt[1]}
	const answer = await (id ? call('PATCH', `compositions/${id}`, `{"config":${text}}`, headers) : call('POST', 'compositions', text, headers))
	const to = id ?? answer.composition_id
	reset()
	go(`films/${to}`)
})

export function reset() {
	items().forEach(drop)
	film = newFilm()
	attempt = []
	id = json = view = null
}

async function load(document) {
	const names = new Set(JSON.stringify(document).match(/(?<="asset:)[\da-f-]{36}(?=")/g))
	const found = await Promise.all([...names].map(name => get(`videos/${name}`).catch(() => null)))
	const loaded = fromDocument(document, new Map(found.filter(Boolean).map(asset => [asset.src,
		{asset, name: asset.title || asset.filename, size: asset.bytes, status: asset.status, error: asset.error, url: `videos/${asset.id}/stream`}])))
	if (!loaded) notice(m.notForm)
	return loaded
}

export async function edit(composition) {
	const loaded = await load(composition.config)
	reset()
	id = composition.id
	if (loaded) film = loaded; else json = jsonMode(composition.config)
}

async function switchMode() {
	if (!json) {
		await idle()
		const [clips, sounds] = [film.clips, film.sounds].map(l => l.filter(i => i.asset))
		json = jsonMode(toDocument({...film, clips, sounds}).document)
		json.initial = json.text()
	} else if (json.text() === json.initial) {
		json = null
	} else {
		const loaded = json.read() && await load(JSON.parse(json.text()))
		if (!loaded) return
		film = loaded
		json = null
	}
	view = null
	go('')
}

function picker(label, attributes, kind) {
	const input = h('input', {type: 'file', hidden: true, ...attributes, onchange: () => {addFiles(input.files); input.value = ''}})
	return [input, button(label, () => input.click(), kind)]
}

function list(kind, tag) {
	view[kind] = h(`${tag}.items`, {'aria-label': m[kind]})
	sortable(view[kind], (from, to) => move(film[kind][from], to))
	return h('section', h('h2', m[kind]), view[kind], h('p.empty', m[kind === 'clips' ? 'noClips' : 'noSounds']))
}

const select = (key, names) => field(m[key], h('select', {value: film[key], onchange: e => {film[key] = e.target.value}},
	names.map(value => h('option', {value}, m[value]))))

function build() {
	view = {
		bar: h('progress', {'aria-label': m.upload, max: 1}), text: h('small'), checked: h('div.checked', {role: 'status'}), problems: h('div.problems', {role: 'alert'}),
		render: button(id ? m.rerender : m.render, render, '.primary'),
		title: h('input', {maxlength: 120, autocomplete: 'off', value: film.title, oninput: e => {film.title = e.target.value.trim()}}),
	}
	const [input, choose] = picker(m.choose, {multiple: true, accept: 'video/*,image/*,audio/*'}, '.primary')
	view.choose = choose
	view.total = h('div.total', view.bar, view.text)
	view.actions = h('div.actions', view.checked, view.problems, h('div.row', view.render, button(m.check, check), button(json ? m.asForm : m.asJson, switchMode, '.plain')))
	const form = h('div.columns', {hidden: !!json}, h('div', list('clips', 'ol'), list('sounds', 'ul')),
		h('section.card', h('h2', m.film), field(m.title, view.title),
			select('between', ['fade', 'none']), select('size', Object.keys(sizes))))
	view.el = h('div', h('h1', {tabindex: -1}, id ? film.title || m.untitled : m.make),
		h('div.drop', {hidden: !!json}, h('p', h('strong', m.drop), m.dropHint),
			h('div.row', input, choose, navigator.maxTouchPoints && picker(m.camera, {accept: 'video/*,image/*', capture: 'environment'}))),
		view.total, form, json?.el, view.actions)
}

export function editView() {
	if (!view) build()
	draw()
	return view.el
}
